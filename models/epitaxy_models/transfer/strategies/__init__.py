"""Ways to learn from few labels."""
