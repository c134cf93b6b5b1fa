"""A digest of the labels that a model was fitted on."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.structure import Structure


def labels_digest(row_ids: Sequence[str], structures: Sequence[Structure], labels: NDArray[np.float64]) -> str:
    """``sha256:`` over names, crystals and values ``[n_rows]``, whatever the order of the rows."""
    lines = sorted(
        f"{row_id}\t{structure.content_digest().hex()}\t{label!r}"
        for row_id, structure, label in zip(row_ids, structures, labels.tolist(), strict=True)
    )
    return f"sha256:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"
