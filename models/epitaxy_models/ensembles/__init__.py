"""Ensembles: artifacts on disk, embeddings, calibrated predictions."""
