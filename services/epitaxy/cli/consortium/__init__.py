"""``epitaxy consortium``."""
