"""Sends structures to the explainer replicas."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from epitaxy.chassis.errors import OverloadedError
from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.explaining.materials import MaterialQuery, MaterialQuestion
from epitaxy.prediction.explaining.service import ExplanationQuery
from epitaxy.prediction.serve.ray_calls import calling
from epitaxy_models.explanation.explanation import Explanation
from epitaxy_models.explanation.materials.explanation import MaterialExplanation
from epitaxy_models.structures import Structure

_RETRY_SECONDS = 2.0


class RayExplanationBackend:
    """Implements ExplanationBackend and MaterialExplanationBackend."""

    def __init__(self, explainer: DeploymentHandle) -> None:
        self._explainer = explainer

    async def explain_materials(
        self, questions: Sequence[MaterialQuestion], query: MaterialQuery
    ) -> list[MaterialExplanation | Refusal]:
        """The same of materials without a crystal."""
        with calling("explainer"), _shedding():
            return list(await self._explainer.explain_materials.remote(questions, query))

    async def explain(self, structures: Sequence[Structure], query: ExplanationQuery) -> list[Explanation | Refusal]:
        """One answer per structure. Raises OverloadedError if too many wait, UnavailableError if none answers."""
        with calling("explainer"), _shedding():
            return list(await self._explainer.explain.remote(structures, query))

    async def wake(self) -> None:
        """Calls an explainer with nothing to explain. Raises UnavailableError if none answers."""
        with calling("explainer"), _shedding():
            await self._explainer.explain.remote((), None)


@contextmanager
def _shedding() -> Iterator[None]:
    """A full queue is an overload."""
    try:
        yield
    except BackPressureError as error:
        raise OverloadedError(
            "too many explanations wait already: send it again later", retry_after_seconds=_RETRY_SECONDS
        ) from error
