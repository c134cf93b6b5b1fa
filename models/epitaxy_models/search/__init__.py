"""Cheap students of an ensemble: what its answers should be, from composition and volume alone."""
