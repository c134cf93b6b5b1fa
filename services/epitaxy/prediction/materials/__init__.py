"""Answers for materials without a crystal: compositions, molecules and polymers."""
