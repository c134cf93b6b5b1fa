"""Served models: their cards, names, review policies and the audit log."""
