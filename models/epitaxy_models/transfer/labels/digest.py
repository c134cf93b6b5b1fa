"""A digest of the labels that a model was fitted on."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.conditions.condition import Values
from epitaxy_models.transfer.labels.censoring import Sides


def labels_digest(
    row_ids: Sequence[str],
    structures: Sequence[Structure],
    labels: NDArray[np.float64],
    conditions: Mapping[str, Values] | None = None,
    sides: Sides | None = None,
) -> str:
    """``sha256:`` over names, crystals, conditions, values ``[n_rows]`` and bounds, whatever the order of the rows."""
    under = _texts(conditions or {}, len(row_ids))
    if sides is not None:
        under = [f"{text}\tbound {side}" if side else text for text, side in zip(under, sides.tolist(), strict=True)]
    lines = sorted(
        f"{row_id}\t{structure.content_digest().hex()}\t{label!r}{text}"
        for row_id, structure, label, text in zip(row_ids, structures, labels.tolist(), under, strict=True)
    )
    return f"sha256:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def _texts(conditions: Mapping[str, Values], n_rows: int) -> list[str]:
    """What the conditions add to each line: nothing where there are none."""
    columns = [(name, conditions[name].tolist()) for name in sorted(conditions)]
    return ["".join(f"\t{json.dumps([name, values[row]])}" for name, values in columns) for row in range(n_rows)]
