"""Bounds of the learned noise scale, shared by training and serving."""

# Natural logarithm of the Laplace scale over the target's spread. At the upper end the head expects the error of a
# constant: far from the training data it would otherwise extrapolate to intervals of many electronvolts.
LOG_NOISE_RANGE = (-8.0, 0.0)
