"""What fine-tuning talks about, and its rules. No infrastructure."""
