"""Explanations, computed in processes of their own."""
