"""``epitaxy campaign``."""
