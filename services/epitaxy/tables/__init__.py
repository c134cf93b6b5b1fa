"""Cells of tables: one rule of numbers, of ids, of CSV and of text for the client and the services.

Imports neither an Arrow nor a data-frame library, so that the client stays light.
"""
