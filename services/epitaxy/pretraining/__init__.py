"""Pretraining on Ray Train: configuration, run, progress, tracking."""
