"""The reference of the Python client and of the command, drawn from docstrings and help texts."""
