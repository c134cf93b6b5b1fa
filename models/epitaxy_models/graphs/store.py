"""A folder of memory-mapped graphs, featurized once and read by every training run."""

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate
from epitaxy_models.graphs.graph import GraphRule, build_graph
from epitaxy_models.graphs.rules import Rule
from epitaxy_models.structures.structure import Structure

# rows and cell_offsets count edges and nodes: five million crystals have more edges than an int32 counts.
_TYPES: dict[str, type[np.generic]] = {
    "atomic_numbers": np.uint8,
    "multiplicities": np.int32,
    "rows": np.int64,
    "sources": np.int32,
    "distances": np.float32,
    "weights": np.float32,
    "cell_offsets": np.int64,
}


def write_store(
    folder: Path, structures: Iterable[Structure], rule: GraphRule, on_progress: Callable[[int], None] = lambda _: None
) -> None:
    """Featurizes structures, in order, into ``folder``; ``on_progress`` is told the count so far."""
    write_batches(folder, (collate([build_graph(structure, rule)]) for structure in structures), rule, on_progress)


def write_batches(
    folder: Path,
    batches: Iterable[CrystalGraphBatch],
    rule: Rule,
    on_progress: Callable[[int], None] = lambda _: None,
    source: str = "",
) -> None:
    """Appends batches to ``folder`` one after the other; memory holds one at a time.

    Args:
        folder: Made where it is missing; it counts as a store once its card, written last, is there.
        batches: Graphs, in the order of the rows of the data set.
        rule: What the graphs were made by.
        on_progress: Told the count of graphs so far.
        source: Digest of the structures, by which a store of another data set is recognized.
    """
    folder.mkdir(parents=True, exist_ok=True)
    card = folder / "store.json"
    card.unlink(missing_ok=True)
    with ExitStack() as stack:
        files = {name: stack.enter_context(_GrowingArray(folder / f"{name}.npy", dt)) for name, dt in _TYPES.items()}
        for name in ("rows", "cell_offsets"):
            files[name].append(np.zeros(1, dtype=np.int64))
        for batch in batches:
            _append(files, batch)
            on_progress(files["cell_offsets"].length - 1)
    n_graphs = files["cell_offsets"].length - 1
    card.write_text(json.dumps({"featurizer": rule.version, "n_graphs": n_graphs, "source": source}))


def read_store(folder: Path, rule: Rule, source: str = "") -> CrystalGraphBatch:
    """Maps a store into memory.

    Raises CheckpointError if it is missing, of another featurizer version, or, if both digests are known, of
    other structures.
    """
    card = folder / "store.json"
    if not card.exists():
        raise CheckpointError(f"{folder} holds no graph store: featurize the data set first", reason="STORE_MISSING")
    record = json.loads(card.read_text())
    found = record["featurizer"]
    if found != rule.version:
        raise CheckpointError(
            f"{folder} was featurized by {found}, this run needs {rule.version}: featurize again", reason="STALE_STORE"
        )
    if source and record.get("source") and record["source"] != source:
        raise CheckpointError(f"{folder} was featurized from other structures: featurize again", reason="STALE_STORE")
    return CrystalGraphBatch(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _TYPES})


def _append(files: dict[str, "_GrowingArray"], batch: CrystalGraphBatch) -> None:
    """Adds a batch's arrays; what counts within the batch goes on from what is there."""
    nodes, edges = files["atomic_numbers"].length, files["sources"].length
    files["atomic_numbers"].append(batch.atomic_numbers)
    files["multiplicities"].append(batch.multiplicities)
    files["rows"].append(batch.rows[1:].astype(np.int64) + edges)
    files["sources"].append(batch.sources + np.int32(nodes))
    files["distances"].append(batch.distances)
    files["weights"].append(batch.weights)
    files["cell_offsets"].append(batch.cell_offsets[1:] + nodes)


class _GrowingArray:
    """An ``.npy`` file of one axis whose length is written when it is closed.

    numpy pads the header so that the axis can grow in place (numpy.lib.format, GROWTH_AXIS_MAX_DIGITS).
    """

    def __init__(self, path: Path, dtype: type[np.generic]) -> None:
        self._file, self._dtype, self.length = path.open("wb"), np.dtype(dtype), 0
        self._write_header()

    def append(self, values: NDArray[Any]) -> None:
        """Adds values of the file's type at the end."""
        self._file.write(np.ascontiguousarray(values, dtype=self._dtype).data)
        self.length += len(values)

    def __enter__(self) -> "_GrowingArray":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        header = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False, "shape": (self.length,)}
        npy.write_array_header_1_0(self._file, header)
