"""``epitaxy screen``."""
