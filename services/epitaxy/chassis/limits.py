"""Defaults and bounds of public requests, stated once for all services."""

from epitaxy_models.calibration.conformal import COVERAGE_MAX, COVERAGE_MIN

DEFAULT_COVERAGE = 0.9
"""Nominal coverage of intervals if a request names none."""
MIN_COVERAGE, MAX_COVERAGE = COVERAGE_MIN, COVERAGE_MAX
"""Nominal coverages that calibrators know."""
DEFAULT_PAGE_SIZE = 50
"""Entries on a page if a request names no number."""
MAX_PAGE_SIZE = 100
