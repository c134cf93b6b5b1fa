"""``epitaxy data``."""
