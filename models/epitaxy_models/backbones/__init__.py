"""Backbones: networks that turn crystal graphs into structure embeddings."""
