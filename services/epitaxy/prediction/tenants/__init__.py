"""Predictions with tenants' own models."""
