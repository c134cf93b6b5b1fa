"""Measurements at the edge: predicted with the gateway's own use cases, kept by the service behind it."""
