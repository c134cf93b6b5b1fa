"""Training data: graphs, labels and which member may learn from which row."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.batch import CrystalGraphBatch
from epitaxy_models.graphs.graph import GraphRule
from epitaxy_models.graphs.store import read_store, write_store
from epitaxy_models.structures.dataset_column import structure_from_column
from epitaxy_models.training.progress import Progress
from epitaxy_models.training.split import kept_by_member, parts_of
from epitaxy_models.training.tasks import Task


@dataclass(frozen=True, slots=True, eq=False)
class LabelledGraphs:
    """A data set ready to train on.

    Attributes:
        graphs: All crystals, memory-mapped.
        labels: NaN where a crystal has no label, float32 ``[n_rows, n_tasks]``.
        formulas: Reduced formula of each row.
        parts: ``train``, ``validation``, ``calibration`` or ``test``, ``[n_rows]``.
    """

    graphs: CrystalGraphBatch
    labels: NDArray[np.float32]
    formulas: tuple[str, ...]
    parts: NDArray[np.str_]

    def rows_of(self, part: str) -> NDArray[np.int64]:
        """Row numbers of a part that carry at least one label."""
        return np.flatnonzero((self.parts == part) & np.isfinite(self.labels).any(axis=1))

    def kept(self, members: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which rows each member may learn from, ``[n_members, n_rows]``."""
        return np.stack([kept_by_member(self.formulas, member) for member in members])


def load_dataset(parquet: Path, store: Path, tasks: tuple[Task, ...], rule: GraphRule) -> LabelledGraphs:
    """Reads labels and featurizes the structures once, into ``store``.

    Raises ConfigurationError where a label column is missing or infinite, CheckpointError where the store is stale.
    """
    table = pd.read_parquet(parquet)
    missing = [task.column for task in tasks if task.column not in table.columns]
    if missing:
        raise ConfigurationError("LABEL_COLUMN_MISSING", f"{parquet} has no column {', '.join(missing)}")
    labels = table[[task.column for task in tasks]].to_numpy(dtype=np.float32)
    if np.isinf(labels).any():
        raise ConfigurationError("INFINITE_LABEL", f"{parquet} holds infinite labels: clean the column first")
    if not (store / "store.json").exists():
        progress = Progress("featurize", len(table))
        write_store(store, map(structure_from_column, table["structure"]), rule, progress.tick)
    graphs = read_store(store, rule)
    if graphs.n_graphs != len(table):
        raise ConfigurationError("STORE_MISMATCH", f"{store} holds {graphs.n_graphs} graphs for {len(table)} rows")
    formulas = tuple(table["formula"])
    return LabelledGraphs(graphs, labels, formulas, parts_of(formulas))
