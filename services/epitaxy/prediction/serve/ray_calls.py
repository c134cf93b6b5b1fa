"""Calls from one deployment to another, and the error if none answers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from epitaxy.chassis.errors import UnavailableError

_LOG = logging.getLogger(__name__)


@contextmanager
def calling(who: str) -> Iterator[None]:
    """Context of a call to the replicas of ``who``. Raises UnavailableError if Ray says that none answered."""
    try:
        yield
    except (RayError, RayServeException) as error:
        _LOG.warning("the %s did not answer: %s", who, type(error).__name__)
        raise UnavailableError(f"the {who} does not answer: send it again", retry_after_seconds=1.0) from error
