"""What an explainer replica does for materials without a crystal."""

from collections.abc import Callable
from pathlib import Path

from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.explaining.materials import MaterialQuery, MaterialQuestion
from epitaxy.prediction.intake.reader import failure
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.errors import InvalidMaterialError, UnsupportedElementError
from epitaxy_models.explanation.materials.explanation import MaterialExplanation
from epitaxy_models.materials.reading import read_material
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.sample import Sample

_MODELS_BYTES = 256 * 2**20


class MaterialExplainers:
    """Explains by the shipped substrates and by tenants' models, which are loaded once asked for. Of one thread."""

    def __init__(self, fetch: Callable[[ModelVersion], Path]) -> None:
        """``fetch`` brings the files of a version here; see ``ModelRegistry.fetch``."""
        self._fetch = fetch
        self._models: LruCache[TransferModel] = LruCache(_MODELS_BYTES, lambda model: model.n_bytes)

    def __call__(self, question: MaterialQuestion, query: MaterialQuery) -> MaterialExplanation:
        """The explanation. Raises EpitaxyError."""
        # Imported here: they read the weights of all substrates.
        from epitaxy_models.explanation.materials.explainers import (  # noqa: PLC0415
            explain_by_model,
            explain_by_substrate,
        )

        sample = Sample(question.kind, read_material(question.kind, question.text).material)
        if query.version is None:
            return explain_by_substrate(sample, query.name, query.n_nearest)
        return explain_by_model(sample, question.stated, self._model(query.version), query.n_nearest)

    def _model(self, version: ModelVersion) -> TransferModel:
        key = f"{version.model}:{version.version}:{version.digest}".encode()
        held = self._models.get(key)
        if held is None:
            held = TransferModel.load(self._fetch(version))
            self._models.put(key, held)
        return held


def explain_material(
    explain: Callable[[MaterialQuestion, MaterialQuery], MaterialExplanation],
    question: MaterialQuestion,
    query: MaterialQuery,
) -> MaterialExplanation | Refusal:
    """The explanation, or the material's own refusal; never raises."""
    try:
        return explain(question, query)
    except (InvalidMaterialError, UnsupportedElementError) as error:
        return Refusal(error.reason, error.message)
    except Exception as error:
        return failure(error)
