"""Strategies compared on the same splits, and the judgement."""
