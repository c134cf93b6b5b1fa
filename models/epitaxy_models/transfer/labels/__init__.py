"""Labels: checks, units, and the scale on which they are learned."""
