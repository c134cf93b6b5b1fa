"""Calibration: intervals that keep their promise, and how far a structure lies from the training data."""
