"""The networks: batches, the ensemble, tenants' own networks."""
