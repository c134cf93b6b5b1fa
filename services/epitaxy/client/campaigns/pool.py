"""Candidates on their way to the server: any materials, streamed in messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.client.defaults import MAX_CHUNK_SIZE, STRUCTURE_COLUMN
from epitaxy.client.finetune.columns import LabelCondition
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.conditions import ConditionColumn
from epitaxy.client.inputs.item import Cell, ConditionValue, InputItem, Text
from epitaxy.client.inputs.material_columns import MaterialColumn
from epitaxy.client.inputs.source import InputStream, open_inputs
from epitaxy.client.results import ItemError
from epitaxy.client.screening.chunks import Chunk, Chunker
from epitaxy.client.screening.packing import pack_items
from epitaxy.tables.conditions import CATEGORY

_SCHEMES = ("file://", "s3://")


@dataclass(frozen=True, slots=True)
class PoolColumns:
    """Columns of a table of candidates.

    Attributes:
        structure: Column of the structures, or where other materials are.
        id: Column of the ids; None for ``id``, ``material_id`` and the like.
        cost: Column of the costs; empty for none.
        group: Column of the groups; empty for none.
        known: Columns of known values, which tables need not have.
        conditions: Columns of conditions under which the candidates are to be measured.
    """

    structure: str | MaterialColumn = STRUCTURE_COLUMN
    id: str | None = None
    cost: str = ""
    group: str = ""
    known: tuple[str, ...] = ()
    conditions: tuple[LabelCondition, ...] = ()

    def open(self, pool: Any) -> InputStream:
        """The candidates, read as they are drawn. Raises InvalidRequestError."""
        # A row's further cells travel with its structure, and are taken apart again before it is sent.
        cells = [ConditionColumn(entry.name, entry.name, entry.unit) for entry in self.conditions]
        cells += [ConditionColumn(name, name) for name in (self.cost, self.group) if name]
        cells += [ConditionColumn(name, name, is_required=False) for name in self.known if name != self.cost]
        return open_inputs(pool, columns=Columns.of(self.structure, self.id), conditions=cells)

    def to_file(self, uri: str) -> campaigns_pb2.PoolFile:
        """A pool that the server reads itself."""
        where = Columns.of(self.structure, self.id)
        kind = "unspecified" if where.material is None else where.material.kind
        elements = None if where.material is None else where.material.elements
        return campaigns_pb2.PoolFile(
            uri=uri,
            structure_column=where.structure,
            kind=f"MATERIAL_KIND_{kind.upper()}",
            element_columns=elements.as_text() if elements else "",
            conditions=[campaigns_pb2.PoolCondition(name=entry.name, unit=entry.unit) for entry in self.conditions],
            id_column=self.id or "",
            cost_column=self.cost,
            group_column=self.group,
            known_columns=self.known,
        )

    def candidate(self, item: InputItem) -> campaigns_pb2.Candidate:
        """A candidate on the wire. Raises ValueError for a cost that is no positive number."""
        source = item.source
        if isinstance(source, ItemError):
            raise TypeError("a refused structure is not sent")
        named = {entry.name for entry in self.conditions}
        conditions = tuple(stated(entry) for entry in source.conditions if entry.name in named)
        cells = {entry.name: entry.value for entry in source.conditions if entry.name not in named}
        cost = cells.pop(self.cost, 0.0) if self.cost else 0.0
        if not isinstance(cost, float) or cost < 0:
            raise ValueError(f"the cost is {cost!r}: give a positive number, or leave the cell empty")
        group = cells.pop(self.group, "") if self.group else ""
        known = {name: value for name, value in cells.items() if isinstance(value, float)}
        return campaigns_pb2.Candidate(
            id=item.id,
            structure=_structure(item, source, known, conditions),
            cost=cost,
            group=group if isinstance(group, str) else f"{group:g}",
        )


@dataclass(frozen=True, slots=True)
class CandidateMessage:
    """One message's candidates, and those that the client itself refuses."""

    candidates: Sequence[campaigns_pb2.Candidate]
    refused: Sequence[tuple[str, ItemError]]
    is_last: bool


def candidate_messages(stream: InputStream, columns: PoolColumns) -> Iterator[CandidateMessage]:
    """Messages of at most 512 candidates; the last one says so, and may be empty."""
    chunker = Chunker(stream.items, MAX_CHUNK_SIZE)
    chunk = chunker.draw()
    while True:
        following = Chunk(()) if chunker.is_exhausted else chunker.draw()
        is_last = chunker.is_exhausted and not (following.to_send or following.refused)
        yield _message(chunk, columns, is_last)
        if is_last:
            return
        chunk = following


def is_uri(pool: object) -> bool:
    """Whether the server reads the pool itself."""
    return isinstance(pool, str) and pool.startswith(_SCHEMES)


def _message(chunk: Chunk, columns: PoolColumns, is_last: bool) -> CandidateMessage:
    candidates, refused = [], [(item.id, error) for item, error in chunk.refused]
    for item in chunk.to_send:
        try:
            candidates.append(columns.candidate(item))
        except ValueError as error:
            refused.append((item.id, ItemError("INVALID_COST", str(error))))
    return CandidateMessage(candidates, refused, is_last)


def stated(given: ConditionValue) -> ConditionValue:
    """A condition as it is sent: a number that is said to be a category is a word."""
    if given.unit != CATEGORY:
        return given
    text = f"{given.value:.15g}" if isinstance(given.value, float) else given.value
    return ConditionValue(given.name, text)


def _structure(
    item: InputItem, source: Cell | Text, known: dict[str, float], conditions: tuple[ConditionValue, ...]
) -> Any:
    bare = replace(source, conditions=conditions, known_values=tuple(known.items()))
    return pack_items([replace(item, source=bare)])[0][0]
