"""Explainer replicas: processes of their own, which start with the first call for an explanation."""

import asyncio
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.explaining.material_replica import MaterialExplainers, explain_material
from epitaxy.prediction.explaining.materials import MaterialQuery, MaterialQuestion
from epitaxy.prediction.explaining.service import ExplanationQuery
from epitaxy.prediction.intake.reader import failure
from epitaxy.prediction.metrics import RayExplanationMetrics
from epitaxy.prediction.serve.replica_logs import configure_replica_logging
from epitaxy.prediction.served_model import load_catalogue, load_material_catalogue, model_folder
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.explanation.explanation import Explanation
from epitaxy_models.explanation.materials.explanation import MaterialExplanation
from epitaxy_models.structures import Structure

_LOG = logging.getLogger(__name__)
# Niceness of the explaining thread: on a busy machine it gets what the answers to screens leave over.
_NICENESS = 10


class ExplainerReplica:
    """Explains one structure at a time; stops between two structures if its caller is gone."""

    def __init__(self, settings: dict[str, Any]) -> None:
        # Imported here: only this replica and the ensemble replicas load torch.
        import torch  # noqa: PLC0415

        configure_replica_logging()
        chosen = PredictionSettings(**settings)
        torch.set_num_threads(chosen.threads)
        self._explainers = Explainers(load_catalogue(chosen), model_folder(chosen))
        self._materials = MaterialExplainers(
            lambda version: MlflowRegistry(RegistrySettings()).fetch(version), load_material_catalogue(chosen)
        )
        self._worker = ThreadPoolExecutor(1, "explain", initializer=os.nice, initargs=(_NICENESS,))
        self._metrics = RayExplanationMetrics()

    async def explain(self, structures: Sequence[Structure], query: ExplanationQuery) -> list[Explanation | Refusal]:
        """One answer per structure."""
        loop = asyncio.get_running_loop()
        return [await loop.run_in_executor(self._worker, self._explain_one, one, query) for one in structures]

    async def explain_materials(
        self, questions: Sequence[MaterialQuestion], query: MaterialQuery
    ) -> list[MaterialExplanation | Refusal]:
        """One answer per material without a crystal."""
        loop = asyncio.get_running_loop()
        return [await loop.run_in_executor(self._worker, self._explain_material, one, query) for one in questions]

    def _explain_material(self, question: MaterialQuestion, query: MaterialQuery) -> MaterialExplanation | Refusal:
        began = perf_counter()
        answer = explain_material(self._materials, question, query)
        self._metrics.observe_explanation(outcome_of(answer), perf_counter() - began)
        return answer

    def _explain_one(self, structure: Structure, query: ExplanationQuery) -> Explanation | Refusal:
        began = perf_counter()
        answer = explain_structure(self._explainers.of(query.substrate), structure, query)
        self._metrics.observe_explanation(outcome_of(answer), perf_counter() - began)
        return answer


class Explainers:
    """The explainer of the present substrate, and those of earlier ones once they are asked for. Of one thread."""

    def __init__(self, catalogue: SubstrateCatalogue, folder: Path) -> None:
        """``folder`` holds the present substrate and its source index."""
        self._catalogue = catalogue
        self._open: dict[str, Any] = {"": _explainer(catalogue.current, folder)}

    def of(self, substrate: str) -> Any:
        """The explainer of the substrate with that weights digest; empty: of the present one."""
        explainer = self._open.get(substrate)
        if explainer is None:
            artifact = self._catalogue.require(substrate)
            explainer = self._open[substrate] = _explainer(artifact, self._catalogue.folder_of(artifact))
        return explainer


def _explainer(artifact: ModelArtifact, folder: Path) -> Any:
    from epitaxy_models.explanation.explainer import Explainer  # noqa: PLC0415  # as above

    return Explainer(artifact, folder)


def explain_structure(explainer: Any, structure: Structure, query: ExplanationQuery) -> Explanation | Refusal:
    """The explanation, or the structure's own refusal; never raises."""
    try:
        explanation: Explanation = explainer(structure, query.name, query.n_nearest)
    except InvalidStructureError as error:
        return Refusal(error.reason, error.message)
    except Exception as error:
        return failure(error)
    return explanation


def outcome_of(answer: Explanation | MaterialExplanation | Refusal) -> str:
    """How an explanation ended, as its metrics name it."""
    if isinstance(answer, Refusal):
        return "failed" if answer.is_retryable else "refused"
    if answer.faithfulness.is_faithful:
        return "faithful"
    return "unfaithful" if answer.faithfulness.n_random_orders else "untested"
