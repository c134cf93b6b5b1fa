"""Predictions with tenants' models of materials without a crystal."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.domain import Answer, BlockAnswer, Item, Query, Refusal
from epitaxy.prediction.intake.conditions import conditions_of, with_conditions
from epitaxy.prediction.intake.reader import failure
from epitaxy.prediction.materials.service import NO_ATOMS, EmbeddedMaterial
from epitaxy.prediction.materials.services import MaterialServices
from epitaxy.prediction.ports import Stage
from epitaxy.prediction.tenants.lanes import TenantLanes
from epitaxy.prediction.tenants.models import ServedVersion, TenantModels
from epitaxy.prediction.tenants.service import TenantQuestion, nothing, numbered, run_model
from epitaxy_models.errors import ConfigurationError, InvalidMaterialError, UnsupportedElementError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.transfer.features import under_conditions
from epitaxy_models.transfer.inputs import EMBEDDING, TransferInputs
from epitaxy_models.transfer.kinds.features import DESCRIPTOR_VERSIONS, MaterialFeatures

_LOG = logging.getLogger(__name__)
_CACHE_BYTES = 64 * 2**20
_OVERHEAD_BYTES = 1000
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One material's row of every block but the embedding."""

    blocks: Mapping[str, Array]

    @property
    def n_bytes(self) -> int:
        return sum(block.nbytes for block in self.blocks.values()) + _OVERHEAD_BYTES


class MaterialTenants:
    """Answers blocks of materials with tenants' models."""

    def __init__(self, services: MaterialServices, models: TenantModels, lanes: TenantLanes) -> None:
        self._services, self._models, self._lanes = services, models, lanes
        self._rows: LruCache[_Row] = LruCache(_CACHE_BYTES, lambda row: row.n_bytes)
        self._lock = threading.Lock()

    async def evaluate(self, items: Sequence[Item], served: ServedVersion, query: Query) -> BlockAnswer:
        """Predictions for all items. Raises FailedPreconditionError for a model that cannot answer at all."""
        check_descriptors(served)
        service = await self._services.under(served)
        answers, embedded = await service.embed(items, bypass_cache=query.bypass_cache)
        answers = [
            with_conditions(of_kind(answer, served.kind), item, served.card)
            for answer, item in zip(answers, items, strict=True)
        ]
        tenant = served.version.model.tenant
        features = MaterialFeatures.over(served.kind, service.substrate, served.card.peers)
        answers, positions, rows = await self._lanes.run(tenant, lambda: self._described(features, answers, embedded))
        if not positions:
            service.count(answers, items)
            return BlockAnswer(tuple(answers), nothing(), ())
        kept = [embedded[answers[position].row] for position in positions]
        policy = await self._models.read_policy(served)
        judged_at = policy.interval_coverage if policy.judges_widths else None
        under = conditions_of(served.card, [items[position] for position in positions])

        def question() -> TenantQuestion:
            inputs = under_conditions(_joined(kept, rows), served.card.conditions, under)
            return TenantQuestion(inputs, query.coverage, service.domains(kept), judged_at)

        model = await self._models.load(served.version)
        with service.timed(Stage.READOUT):
            prediction = await self._lanes.run(tenant, lambda: run_model(model, served.version, question))
        forbids = bool(policy.forbidden_elements)
        atoms = [entry.read.sample.atomic_numbers if forbids else NO_ATOMS for entry in kept]
        names = [served.card.definition.name]
        reviews = policy.judge(atoms, prediction.domains, names, prediction.judged_widths)
        finished = numbered(answers, positions, prediction)
        service.count(finished, items)
        return BlockAnswer(tuple(finished), prediction, reviews)

    def _described(
        self, features: MaterialFeatures, answers: Sequence[Answer], embedded: Sequence[EmbeddedMaterial]
    ) -> tuple[list[Answer], list[int], list[_Row]]:
        """Answers so far, positions of those that remain to be predicted, and their rows of the blocks."""
        found = [(at, answer) for at, answer in enumerate(answers) if not isinstance(answer.outcome, Refusal)]
        known = self._describe(features, [embedded[answer.row] for _, answer in found])
        done, positions, rows = list(answers), [], []
        for (position, answer), row in zip(found, known, strict=True):
            if isinstance(row, Refusal):
                done[position] = Answer(answer.id, row)
                continue
            positions.append(position)
            rows.append(row)
        return done, positions, rows

    def _describe(self, features: MaterialFeatures, entries: Sequence[EmbeddedMaterial]) -> list[_Row | Refusal]:
        """Rows of all entries; those that are not held are described together."""
        # Models on one substrate may read other networks besides.
        of_blocks = " ".join((features.base.digest, *features.peers)).encode()
        keys = [of_blocks + entry.read.digest for entry in entries]
        with self._lock:
            held: dict[bytes, _Row | Refusal | None] = {key: self._rows.get(key) for key in keys}
        missing = {key: entry for key, entry in zip(keys, entries, strict=True) if held[key] is None}
        described = _rows_of(features, list(missing.values()))
        new: dict[bytes, _Row | Refusal | None] = dict(zip(missing, described, strict=True))
        with self._lock:
            for key, row in new.items():
                if isinstance(row, _Row):
                    self._rows.put(key, row)
        known = held | new
        return [row for key in keys if (row := known[key]) is not None]


def _rows_of(features: MaterialFeatures, entries: Sequence[EmbeddedMaterial]) -> list[_Row | Refusal]:
    """All at once; one that cannot be described is found by describing each alone, and refused alone."""
    if not entries:
        return []
    try:
        embeddings = np.stack([entry.embedding for entry in entries])
        samples, graphs = [entry.read.sample for entry in entries], [entry.graph for entry in entries]
        blocks = features.inputs_from(samples, graphs, embeddings).blocks
    except ConfigurationError as error:
        named = ", ".join(features.peers)
        message = f"the model reads features of {named}, which this server lacks: {error.message}"
        raise FailedPreconditionError(message, reason="PEER_NOT_SERVED") from error
    except Exception as error:
        if len(entries) > 1:
            return [row for entry in entries for row in _rows_of(features, [entry])]
        is_refused = isinstance(error, UnsupportedElementError | InvalidMaterialError)
        return [Refusal(error.reason, error.message) if is_refused else failure(error)]  # type: ignore[attr-defined]
    own = {name: block for name, block in blocks.items() if name != EMBEDDING}
    # Copies: one row that is kept would keep all of them.
    return [_Row({name: block[at].copy() for name, block in own.items()}) for at in range(len(entries))]


def check_descriptors(served: ServedVersion) -> None:
    """Raises FailedPreconditionError (STALE_CHECKPOINT) for a model of other descriptors than this server's."""
    version, now = served.card.training.get("material_descriptors"), DESCRIPTOR_VERSIONS[served.kind]
    if version != now:
        raise FailedPreconditionError(
            f"{served.version.model} version {served.version.version} expects {version}, this server computes {now}: "
            "fit it again",
            reason="STALE_CHECKPOINT",
        )


def of_kind(answer: Answer, kind: MaterialKind) -> Answer:
    """A model of polymers answers no molecules, although they have one substrate."""
    outcome = answer.outcome
    found = getattr(outcome, "kind", kind)
    if found is kind:
        return answer
    message = f"the model was fitted on {kind.value}s, and this is a {found.value}: ask a model of that kind"
    return Answer(answer.id, Refusal("NO_SUBSTRATE_FOR_KIND", message))


def _joined(kept: Sequence[EmbeddedMaterial], rows: Sequence[_Row]) -> TransferInputs:
    blocks = {name: np.stack([row.blocks[name] for row in rows]) for name in rows[0].blocks}
    embeddings = np.stack([entry.embedding for entry in kept])
    blocks[EMBEDDING] = embeddings.reshape(len(kept), -1).astype(np.float64)
    return TransferInputs(tuple(entry.read.sample.as_row() for entry in kept), (), blocks)
