"""A folder of memory-mapped graphs, featurized once and read by every training run."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate
from epitaxy_models.graphs.graph import CrystalGraph, GraphRule, build_graph
from epitaxy_models.structures.structure import Structure

_ARRAYS = ("atomic_numbers", "multiplicities", "rows", "sources", "distances", "weights", "cell_offsets")


def write_store(
    folder: Path, structures: Iterable[Structure], rule: GraphRule, on_progress: Callable[[int], None] = lambda _: None
) -> None:
    """Featurizes structures, in order, into ``folder``; ``on_progress`` is told the count so far."""
    graphs: list[CrystalGraph] = []
    for count, structure in enumerate(structures, start=1):
        graphs.append(build_graph(structure, rule))
        on_progress(count)
    batch = collate(graphs)
    folder.mkdir(parents=True, exist_ok=True)
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(batch, name))
    (folder / "store.json").write_text(json.dumps({"featurizer": rule.version, "n_graphs": batch.n_graphs}))


def read_store(folder: Path, rule: GraphRule) -> CrystalGraphBatch:
    """Maps a store into memory. Raises CheckpointError where it is missing or of another featurizer version."""
    card = folder / "store.json"
    if not card.exists():
        raise CheckpointError("STORE_MISSING", f"{folder} holds no graph store: featurize the data set first")
    found = json.loads(card.read_text())["featurizer"]
    if found != rule.version:
        raise CheckpointError(
            "STALE_STORE", f"{folder} was featurized by {found}, this run needs {rule.version}: featurize again"
        )
    return CrystalGraphBatch(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS})
