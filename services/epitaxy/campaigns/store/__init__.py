"""Logs of campaigns in a database."""
