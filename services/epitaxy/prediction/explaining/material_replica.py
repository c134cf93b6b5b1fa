"""What an explainer replica does for materials without a crystal."""

from collections.abc import Callable
from pathlib import Path

from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.explaining.materials import MaterialQuery, MaterialQuestion
from epitaxy.prediction.intake.reader import failure
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.errors import CheckpointError, InvalidMaterialError, UnsupportedElementError
from epitaxy_models.explanation.materials.explanation import MaterialExplanation
from epitaxy_models.materials.reading import read_material
from epitaxy_models.substrates.material_catalogue import AnyMaterialSubstrate, MaterialCatalogue
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.sample import Sample

_MODELS_BYTES = 256 * 2**20


class MaterialExplainers:
    """Explains by substrates and by tenants' models, which are loaded once asked for. Of one thread."""

    def __init__(self, fetch: Callable[[ModelVersion], Path], catalogue: MaterialCatalogue | None = None) -> None:
        """``fetch`` brings the files of a version here; see ``ModelRegistry.fetch``.

        Without a ``catalogue`` the shipped substrates explain.
        """
        self._fetch, self._catalogue = fetch, catalogue or MaterialCatalogue()
        self._substrates: dict[tuple[str, str], AnyMaterialSubstrate] = {}
        self._models: LruCache[TransferModel] = LruCache(_MODELS_BYTES, lambda model: model.n_bytes)

    def __call__(self, question: MaterialQuestion, query: MaterialQuery) -> MaterialExplanation:
        """The explanation. Raises EpitaxyError."""
        # Imported here: they read the weights of all substrates.
        from epitaxy_models.explanation.materials.explainers import (  # noqa: PLC0415
            explain_by_model,
            explain_by_substrate,
        )

        sample = Sample(question.kind, read_material(question.kind, question.text).material)
        substrate = self._substrate(query)
        if query.version is None:
            return explain_by_substrate(sample, query.name, query.n_nearest, substrate)
        return explain_by_model(sample, question.stated, self._model(query.version), query.n_nearest, substrate)

    def _substrate(self, query: MaterialQuery) -> AnyMaterialSubstrate:
        """Raises CheckpointError if this replica has no such weights, as for a moment in an upgrade."""
        key = query.substrate, query.digest
        if key not in self._substrates:
            found: AnyMaterialSubstrate | None = self._catalogue.open(query.substrate)
            if query.digest not in ("", found.digest if found else ""):
                found = self._catalogue.open_digest(query.substrate, query.digest)
            if found is None:
                raise CheckpointError(f"{query.substrate} with {query.digest} is not at hand", reason="WRONG_BASE")
            self._substrates[key] = found
        return self._substrates[key]

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
