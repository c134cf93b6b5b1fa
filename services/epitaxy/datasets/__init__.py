"""Connectors to databases of materials: they download data sets, politely, and resume interrupted downloads."""
