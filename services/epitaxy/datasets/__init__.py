"""Connectors to databases of crystals: what is downloaded, how often and how it resumes."""
