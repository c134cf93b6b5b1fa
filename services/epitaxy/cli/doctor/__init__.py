"""``epitaxy doctor``."""
