"""Nominal coverages that intervals may have. Imports nothing, so that every service and the client can read them."""

COVERAGE_MIN, COVERAGE_MAX = 0.5, 0.99
DEFAULT_COVERAGE = 0.9
