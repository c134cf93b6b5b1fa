"""What keeps jobs, models and stores in order beside the requests of tenants."""
