"""Ways to reach members: within this process, and over Flower."""
