"""Blocks of answers joined into larger ones: what is done once for a block is then done less often."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.screening.columns import Findings, PropertyColumns, ScreenColumns

_ARRAYS = (
    "indices", "outcomes", "n_sites", "domain_scores", "domain_verdicts", "cache_hits", "review_verdicts",
)  # fmt: skip
_TEXTS = ("formulas", "domain_reasons")
_FINDINGS = ("rules", "repairs", "notes", "errors")
_VALUES = ("has_value", "values", "epistemic_stds", "aleatoric_stds", "stds", "lower", "upper")


def joined(blocks: Iterable[ScreenColumns]) -> list[ScreenColumns]:
    """The same answers in the same order, in as few blocks as have one stamp each."""
    return [_join(list(group)) for _, group in groupby(blocks, key=_stamp)]


def _stamp(block: ScreenColumns) -> tuple[Any, ...]:
    """What must be equal in blocks that are joined."""
    properties = (
        (one.property, one.unit, one.fidelity, one.level_of_theory, one.calibration, one.model, one.coverage)
        for one in block.properties
    )
    return (block.model, *properties)


def _join(blocks: Sequence[ScreenColumns]) -> ScreenColumns:
    if len(blocks) == 1:
        return blocks[0]
    first_texts = np.cumsum([0, *(len(block.texts) for block in blocks)])
    first_rows = np.cumsum([0, *(len(block) for block in blocks)])
    found: dict[str, Any] = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in _ARRAYS}
    for name in _TEXTS:
        found[name] = _moved([getattr(block, name) for block in blocks], first_texts)
    for name in _FINDINGS:
        parts: list[Findings] = [getattr(block, name) for block in blocks]
        found[name] = Findings(
            _moved([part.rows for part in parts], first_rows),
            _moved([part.codes for part in parts], first_texts),
            _moved([part.messages for part in parts], first_texts),
        )
    return replace(
        blocks[0],
        ids=[name for block in blocks for name in block.ids],
        texts=[text for block in blocks for text in block.texts],
        properties=tuple(map(_join_property, zip(*(block.properties for block in blocks), strict=True))),
        **found,
    )


def _join_property(parts: Sequence[PropertyColumns]) -> PropertyColumns:
    found: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _VALUES}
    return replace(parts[0], **found)


def _moved(parts: Sequence[NDArray[np.uint32]], firsts: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Indices into the parts as indices into all of them together."""
    moved = [part + np.uint32(first) for part, first in zip(parts, firsts[:-1], strict=True)]
    return np.concatenate(moved).astype(np.uint32, copy=False)
