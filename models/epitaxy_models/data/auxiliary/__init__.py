"""Labels that a structure carries in itself, and perturbed copies: what a backbone can learn without a calculation."""
