"""What is known of labelled structures before any training."""
