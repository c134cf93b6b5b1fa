"""A message whose materials are of several kinds: each kind's substrate answers its own, and one block holds all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from epitaxy.answers.from_items import columns_of
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.prediction.domain import Item, MaterialSource, Refusal
from epitaxy_models.materials import MaterialKind


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredPart:
    """What one substrate answered.

    Attributes:
        positions: Places of its items in the message.
        block: Its answers, in that order.
    """

    positions: Sequence[int]
    block: prediction_pb2.ResultBlock


def positions_by_kind(items: Sequence[Item]) -> Mapping[MaterialKind, list[int]]:
    """Places of the items of each kind; what could not be read goes with the first kind that is there."""
    found: dict[MaterialKind, list[int]] = {}
    unread = []
    for position, item in enumerate(items):
        if isinstance(item.source, Refusal):
            unread.append(position)
            continue
        kind = item.source.kind if isinstance(item.source, MaterialSource) else MaterialKind.STRUCTURE
        found.setdefault(kind, []).append(position)
    found.setdefault(next(iter(found), MaterialKind.STRUCTURE), []).extend(unread)
    return found


def merged(parts: Sequence[AnsweredPart], sequence: int) -> prediction_pb2.ResultBlock:
    """One block in the order of the message, stamped with the first part's model; others stamp their properties."""
    whole = prediction_pb2.ResultBlock(sequence=sequence, model=parts[0].block.model)
    results: dict[int, prediction_pb2.StructureResult] = {}
    for part in parts:
        offset = len(whole.properties)
        for stamp in part.block.properties:
            whole.properties.add().CopyFrom(stamp)
            if part.block.model != whole.model:
                whole.properties[-1].model.CopyFrom(part.block.model)
        for position, result in zip(part.positions, part.block.results, strict=True):
            for value in result.prediction.values if result.HasField("prediction") else ():
                value.property_index += offset
            results[position] = result
        for name in ("answered", "refused", "failed", "cache_hits"):
            setattr(whole.counts, name, getattr(whole.counts, name) + getattr(part.block.counts, name))
    whole.results.extend(results[position] for position in sorted(results))
    return whole


def as_columns(block: prediction_pb2.ResultBlock) -> prediction_pb2.ResultBlock:
    """The same block with its results as columns."""
    block.columns.CopyFrom(columns_of(block.results, len(block.properties)))
    block.ClearField("results")
    return block
