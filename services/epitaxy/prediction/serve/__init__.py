"""What the replicas need of Ray Serve: routing, calls, logs, status."""
