"""From a record and a pool to a batch: the adapter to the planner."""
