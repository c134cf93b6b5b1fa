"""Explanations of materials without a crystal: by atom and bond, or by element, and by condition."""
