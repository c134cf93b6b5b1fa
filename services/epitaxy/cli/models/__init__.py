"""`epitaxy models`: which models are served, what they stand on, and how they do."""
