"""Crystal graphs: neighbours, quotient, batches, stores."""
