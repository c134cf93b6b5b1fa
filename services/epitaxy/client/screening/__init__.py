"""Screenings: structures out in messages, results in as they come."""
