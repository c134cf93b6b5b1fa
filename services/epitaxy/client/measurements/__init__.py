"""Reports of what was measured, and how a model does on it."""
