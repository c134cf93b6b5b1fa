"""Nominal coverages of intervals. Imports nothing, so that services without numpy can keep to the same bounds."""

COVERAGE_MIN, COVERAGE_MAX = 0.5, 0.99
"""Lowest and highest nominal coverage for which a model can give an interval."""
DEFAULT_COVERAGE = 0.9
"""Nominal coverage of an interval unless the caller asks for another."""
