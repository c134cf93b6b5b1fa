"""Measurements of predicted values, and whether intervals still cover what they promise."""
