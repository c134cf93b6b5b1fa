"""Campaigns: what to measure next, learned from every result."""
