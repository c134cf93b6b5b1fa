"""Explanations: which atoms, elements and neighbours a prediction rests on, and whether that can be relied on."""
