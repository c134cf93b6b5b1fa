"""``epitaxy candidates``."""
