"""Tenants' models: fitted, calibrated, saved and loaded."""
