"""Sends structures to the explainer replicas."""

import logging
from collections.abc import Sequence

from ray.exceptions import RayError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from epitaxy.chassis.errors import OverloadedError, UnavailableError
from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.explanations import ExplanationQuery
from epitaxy_models.explanation.explanation import Explanation
from epitaxy_models.structures import Structure

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 2.0


class RayExplanationBackend:
    """Implements ExplanationBackend."""

    def __init__(self, explainer: DeploymentHandle) -> None:
        self._explainer = explainer

    async def explain(self, structures: Sequence[Structure], query: ExplanationQuery) -> list[Explanation | Refusal]:
        """One answer a structure. Raises OverloadedError where too many wait, UnavailableError where none answers."""
        try:
            return list(await self._explainer.explain.remote(structures, query))
        except BackPressureError as error:
            raise OverloadedError(
                "too many explanations wait already: send it again later", retry_after_seconds=_RETRY_SECONDS
            ) from error
        except (RayError, RayServeException) as error:
            _LOG.warning("the explainer did not answer: %s", type(error).__name__)
            raise UnavailableError("the explainer does not answer: send it again", retry_after_seconds=1.0) from error
