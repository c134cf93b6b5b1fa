"""Neural networks: from scratch, and fine-tuned in part or in full, from the substrate."""
