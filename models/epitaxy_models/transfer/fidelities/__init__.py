"""Cheaper fidelities: heads that are shipped with the substrate, and models of a tenant's own cheaper values."""
