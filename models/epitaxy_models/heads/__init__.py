"""Property heads: from structure embeddings to values."""
