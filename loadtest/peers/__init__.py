"""What a user would take instead, as that user would write it."""
