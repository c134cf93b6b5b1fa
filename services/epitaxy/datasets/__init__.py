"""Connectors to databases of crystals: they download data sets, politely, and resume interrupted downloads."""
