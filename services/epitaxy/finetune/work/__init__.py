"""What a worker does for one job, and how workers are started."""
