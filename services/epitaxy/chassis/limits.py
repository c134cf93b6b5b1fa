"""Defaults and bounds of requests, stated once for all services."""

from epitaxy_models.calibration.coverage import COVERAGE_MAX, COVERAGE_MIN, DEFAULT_COVERAGE

__all__ = ["DEFAULT_COVERAGE", "DEFAULT_PAGE_SIZE", "MAX_COVERAGE", "MAX_PAGE_SIZE", "MIN_COVERAGE"]

MIN_COVERAGE, MAX_COVERAGE = COVERAGE_MIN, COVERAGE_MAX
"""Nominal coverages that a request may ask for; 0 means DEFAULT_COVERAGE."""

DEFAULT_PAGE_SIZE = 50
"""Entries on a page if a request gives 0."""
MAX_PAGE_SIZE = 100
