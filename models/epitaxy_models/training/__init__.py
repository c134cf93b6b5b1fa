"""Pretraining: data, split, tasks, loop, publication. Knows no Ray."""
