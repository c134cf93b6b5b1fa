"""Training data: graphs, labels and which member may learn from which row."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow import ArrowInvalid, DataType, types
from pyarrow.parquet import read_schema

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.batch import CrystalGraphBatch
from epitaxy_models.graphs.featurize import column_digest, featurized
from epitaxy_models.graphs.graph import DEFAULT_RULE
from epitaxy_models.graphs.rules import Rule
from epitaxy_models.graphs.store import read_store, write_batches
from epitaxy_models.graphs.texts import text_column
from epitaxy_models.progress import Progress
from epitaxy_models.training.split import Resampling, class_weights, member_weights, parts_of
from epitaxy_models.training.tasks import Task


@dataclass(frozen=True, slots=True, eq=False)
class LabelledGraphs:
    """A data set ready to train on.

    Attributes:
        graphs: All crystals, memory-mapped.
        labels: NaN if a crystal has no label, float32 ``[n_rows, n_tasks]``.
        formulas: Reduced formula of each row, or the canonical key of a material without a crystal.
        parts: ``train``, ``validation``, ``calibration`` or ``test``, ``[n_rows]``.
    """

    graphs: CrystalGraphBatch
    labels: NDArray[np.float32]
    formulas: tuple[str, ...]
    parts: NDArray[np.str_]

    def rows_of(self, part: str) -> NDArray[np.int64]:
        """Row numbers of a part that carry at least one label."""
        return np.flatnonzero((self.parts == part) & np.isfinite(self.labels).any(axis=1))

    def weights(
        self,
        members: tuple[int, ...],
        resampling: Resampling = Resampling.TENTH,
        by_class: tuple[float, ...] = (),
    ) -> NDArray[np.float32]:
        """How often each member counts each row, 0 if it never sees it, ``[n_members, n_rows]``.

        ``by_class`` multiplies the rows by the weight of their number of elements, see ``class_weights``.
        """
        counts = np.stack([member_weights(self.formulas, member, resampling) for member in members])
        return np.asarray(counts * class_weights(self.formulas, by_class), dtype=np.float32)


def load_dataset(parquet: Path, store: Path, tasks: tuple[Task, ...], rule: Rule, processes: int = 1) -> LabelledGraphs:
    """Reads labels and featurizes the structures once, into ``store``.

    Raises ConfigurationError if a column is missing or a label infinite, CheckpointError if the store is stale.
    """
    check_columns(parquet, tasks, rule)
    prepare_store(parquet, store, rule, processes)
    return read_labelled(parquet, store, tasks, rule)


def check_columns(parquet: Path, tasks: tuple[Task, ...], rule: Rule = DEFAULT_RULE) -> None:
    """Raises ConfigurationError if the file or a column is missing, or holds no numbers or infinite ones.

    Before any work: featurizing millions of structures takes hours.
    """
    try:
        schema = read_schema(parquet)
    except (OSError, ArrowInvalid) as error:
        raise ConfigurationError(f"{parquet} is no readable Parquet file: {error}", reason="DATA_UNREADABLE") from error
    found = set(schema.names)
    needed = [*(task.column for task in tasks), text_column(rule), "formula"]
    missing = [column for column in needed if column not in found]
    if missing:
        raise ConfigurationError(f"{parquet} has no column {', '.join(missing)}", reason="LABEL_COLUMN_MISSING")
    texts = [task.column for task in tasks if not _is_number(schema.field(task.column).type)]
    if texts:
        raise ConfigurationError(f"{parquet} holds no numbers in {', '.join(texts)}", reason="LABEL_NOT_NUMERIC")
    _read_labels(parquet, tasks)


def _is_number(kind: DataType) -> bool:
    return bool(types.is_floating(kind) or types.is_integer(kind))


def prepare_store(
    parquet: Path,
    store: Path,
    rule: Rule,
    processes: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Featurizes the structure column where that has not been done; ``on_progress`` is told done and total.

    Raises CheckpointError if the store is of another rule or of other structures, and the error of a structure
    that cannot be used, with its row.
    """
    column = text_column(rule)
    texts = pd.read_parquet(parquet, columns=[column])[column].tolist()
    digest = column_digest(texts)
    if (store / "store.json").exists():
        _check_count(read_store(store, rule).n_graphs, len(texts), store)
        read_store(store, rule, digest)
        return
    progress = Progress("featurize", len(texts))
    tell = on_progress or (lambda done, _: progress.tick(done))
    write_batches(store, featurized(texts, rule, processes), rule, lambda done: tell(done, len(texts)), digest)


def read_labelled(parquet: Path, store: Path, tasks: tuple[Task, ...], rule: Rule) -> LabelledGraphs:
    """Labels, and graphs from a store that ``prepare_store`` made; the structures are not read again."""
    labels, formulas = _read_labels(parquet, tasks)
    graphs = read_store(store, rule)
    _check_count(graphs.n_graphs, len(labels), store)
    return LabelledGraphs(graphs, labels, formulas, parts_of(formulas))


def _read_labels(parquet: Path, tasks: tuple[Task, ...]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Labels ``[n_rows, n_tasks]``, NaN if missing, and formulas."""
    columns = [task.column for task in tasks]
    table = pd.read_parquet(parquet, columns=[*columns, "formula"])
    labels = table[columns].to_numpy(dtype=np.float32)
    infinite = [
        f"row {rows[0]} of {c}"
        for c, v in zip(columns, labels.T, strict=True)
        if (rows := np.isinf(v).nonzero()[0]).size
    ]
    if infinite:
        raise ConfigurationError(
            f"{parquet} holds infinite labels, first {', '.join(infinite)}: clean the column first",
            reason="INFINITE_LABEL",
        )
    return labels, tuple(table["formula"])


def _check_count(n_graphs: int, n_rows: int, store: Path) -> None:
    if n_graphs != n_rows:
        raise ConfigurationError(f"{store} holds {n_graphs} graphs for {n_rows} rows", reason="STORE_MISMATCH")
