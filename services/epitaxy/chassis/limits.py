"""Defaults and bounds of requests that several services keep to."""

from epitaxy_models.calibration.coverage import COVERAGE_DEFAULT, COVERAGE_MAX, COVERAGE_MIN

DEFAULT_COVERAGE = COVERAGE_DEFAULT
"""Nominal coverage of intervals if a request gives 0."""
MIN_COVERAGE = COVERAGE_MIN
MAX_COVERAGE = COVERAGE_MAX

DEFAULT_PAGE_SIZE = 50
"""Entries on a page if a request gives 0."""
MAX_PAGE_SIZE = 100
