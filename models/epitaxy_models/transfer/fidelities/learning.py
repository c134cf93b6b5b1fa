"""Models of a job's cheaper columns, from all rows that have a value, with a label or without."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.graphs.graph import GraphRule, build_graph
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.fidelities.cheap_model import CheapModel
from epitaxy_models.transfer.fidelities.filling import Filling
from epitaxy_models.transfer.inputs import EMBEDDING, FIDELITIES, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.request import LowFidelityColumn, TransferRequest

# Rows without a label that are embedded: a light model gains little from more, and a job has minutes.
N_UNLABELLED_MAX = 2000
# A line needs some rows.
N_VALUES_MIN = 5


def learn_filling(
    request: TransferRequest,
    labelled: TransferInputs,
    rows: NDArray[np.int64],
    features: SubstrateFeatures,
    embedder: Embedder,
    artifact: ModelArtifact,
) -> Filling | None:
    """Models of all cheaper columns; None if the job has none, or none with values enough to learn from.

    Args:
        request: The job.
        labelled: Inputs of the rows that have a label.
        rows: Their positions in the request, ``[n_labelled]``.
        features: Of the substrate.
        embedder: Of the substrate.
        artifact: The substrate.
    """
    if not request.low_fidelity:
        return None
    chosen = _unlabelled(request, rows, artifact.card.crystal_rule)
    others = _inputs_of(request, chosen, features, embedder)
    n_shipped = len(artifact.fidelity_heads.heads) if artifact.fidelity_heads else 0
    models = []
    for name, column in request.low_fidelity.items():
        known, values = _known(labelled, column, rows)
        if others is not None:
            more, further = _known(others, column, chosen)
            known, values = _joined(known, more), np.concatenate([values, further])
        if len(values) >= N_VALUES_MIN:
            models.append(CheapModel.fit(name, known, values, n_shipped, column.unit))
    return Filling(tuple(models)) if models else None


def _unlabelled(request: TransferRequest, rows: NDArray[np.int64], rule: GraphRule) -> NDArray[np.int64]:
    """Rows that can be read, have no label and some cheaper value; a hash of their places chooses among many."""
    values = np.stack([column.values for column in request.low_fidelity.values()])
    has_value = np.isfinite(values).any(axis=0) & ~np.isfinite(request.labels)
    has_value[rows] = False
    found = [row for row in np.flatnonzero(has_value).tolist() if _is_readable(request.rows[row][1], rule)]
    kept = sorted(sorted(found, key=lambda row: blake2b(f"{row}".encode(), digest_size=8).digest())[:N_UNLABELLED_MAX])
    return np.array(kept, dtype=np.int64)


def _is_readable(structure: Structure | EpitaxyError, rule: GraphRule) -> bool:
    """Whether the substrate can read it; a row that only helps never stops a job."""
    if isinstance(structure, EpitaxyError):
        return False
    try:
        build_graph(structure, rule)
    except EpitaxyError:
        return False
    return True


def _inputs_of(
    request: TransferRequest, chosen: NDArray[np.int64], features: SubstrateFeatures, embedder: Embedder
) -> TransferInputs | None:
    if not len(chosen):
        return None
    structures = [entry for row in chosen.tolist() if isinstance(entry := request.rows[row][1], Structure)]
    return features.inputs_of(structures, embedder)


def _known(
    inputs: TransferInputs, column: LowFidelityColumn, rows: NDArray[np.int64]
) -> tuple[TransferInputs, NDArray[np.float64]]:
    values = column.values[rows]
    places = np.flatnonzero(np.isfinite(values))
    return inputs.take(places), values[places]


def _joined(one: TransferInputs, other: TransferInputs) -> TransferInputs:
    """Rows of both, with the blocks that a cheap model reads."""
    names = [name for name in (EMBEDDING, SUBSTRATE, FIDELITIES) if name in one.blocks and name in other.blocks]
    blocks = {name: np.concatenate([one.blocks[name], other.blocks[name]]) for name in names}
    return TransferInputs((*one.structures, *other.structures), (*one.graphs, *other.graphs), blocks)
