"""The Ray cluster that works on jobs, as an object of Kubernetes: made if absent, replaced while no job runs."""
