"""The use case of a promotion: the results become the labels of a fine-tune job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from epitaxy.campaigns.books import Book, Shelf
from epitaxy.campaigns.domain.candidates import ConditionValue
from epitaxy.campaigns.domain.events import Promoted
from epitaxy.campaigns.domain.record import CampaignRecord
from epitaxy.campaigns.planning.planner import means_of
from epitaxy.campaigns.pool.preparation import SUBSTRATE_NAMES
from epitaxy.campaigns.ports import RequestKey
from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError

MIN_LABELS = 10


@dataclass(frozen=True, slots=True)
class Label:
    """One row of a fine-tune job: a material in its wire form, its value, and the conditions it holds under."""

    id: str
    structure: bytes
    value: float
    known: Mapping[str, float]
    conditions: Mapping[str, ConditionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """What the fine-tune service is asked for."""

    model_name: str
    property: str
    unit: str
    seed: int
    base_model: str
    request_id: str


class ModelMaker(Protocol):
    """Starts fine-tune jobs."""

    def start(self, tenant: str, order: ModelOrder, labels: Sequence[Label]) -> str:
        """Id of the job; an equal request id gets the job of the first order. Raises an EpitaxyError."""


@dataclass(frozen=True, slots=True)
class Promoting:
    """Models of campaigns. Every method blocks, and is safe for threads."""

    shelf: Shelf
    maker: ModelMaker

    def promote(self, tenant: str, name: str, wanted: str, model_name: str, request: RequestKey | None) -> Promoted:
        """Starts a job on the results of one property: mean of the repeats of each candidate.

        Raises FailedPreconditionError for too few results, InvalidRequestError for a property that is not measured.
        """
        book = self.shelf.find(tenant, name)
        known = self.shelf.repeated(book, request)
        if known is not None and isinstance(known.happening, Promoted):
            return known.happening
        record = book.record
        prop = wanted or record.objectives[0].property
        if prop not in record.units:
            raise InvalidRequestError.of_field("property", f"the campaign does not measure {prop[:80]!r}")
        labels = _labels(book, record, prop)
        if len(labels) < MIN_LABELS:
            text = f"{len(labels)} candidates have a value of {prop}; a model needs at least {MIN_LABELS}"
            raise FailedPreconditionError(text, reason="TOO_FEW_LABELS")
        spec = record.known_spec
        mark = request.request_id if request else str(record.sequence)
        order = ModelOrder(
            model_name or spec.name,
            prop,
            record.units[prop],
            spec.seed,
            # The substrates of other kinds go by the kind of the labels.
            "" if spec.base_model in SUBSTRATE_NAMES.values() else spec.base_model,
            f"campaign-{book.key.id[:16]}-{mark}"[:128],
        )
        job_id = self.maker.start(tenant, order, labels)
        promoted = Promoted(job_id, order.model_name, prop)
        self.shelf.change(book, request, lambda _: promoted)
        return promoted


def _labels(book: Book, record: CampaignRecord, prop: str) -> list[Label]:
    """One label per material and condition with a value: copies are one."""
    with book.lock:
        book.pool.follow(record)
    table = book.pool.table
    values: dict[int, float] = {}
    for held in record.measured():
        row = held.reading.row
        found = means_of(record, row)
        stands = int(table.standing[row]) if table is not None and row < table.n_rows else row
        if prop in found and stands >= 0:
            values.setdefault(stands, found[prop])
    rows = sorted(values)
    candidates = book.pool.candidates(rows)
    return [
        Label(entry.id, entry.structure, values[row], entry.known, entry.conditions)
        for row, entry in zip(rows, candidates, strict=True)
    ]
