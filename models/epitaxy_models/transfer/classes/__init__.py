"""Labels that are 0 or 1: scores become probabilities, and probabilities are judged."""
