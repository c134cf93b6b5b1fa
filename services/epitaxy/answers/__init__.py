"""Answers of predictions as columns on the wire: what their writers and their readers share."""
