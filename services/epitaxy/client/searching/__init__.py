"""Searches: the best candidates of a pool, without predicting all of it."""
