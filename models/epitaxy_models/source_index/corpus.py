"""A table of crystals and a model that was trained on it: from files to the source index."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.graph import GraphRule, build_graph
from epitaxy_models.progress import Progress
from epitaxy_models.source_index.build import build_source_index, labels_in_card_order
from epitaxy_models.source_index.index import SourceIndex
from epitaxy_models.source_index.materials import SourceMaterials, described_materials, joined_materials
from epitaxy_models.structures.dataset_column import structure_from_column
from epitaxy_models.training.dataset import load_dataset
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS

_ROWS_AT_ONCE = 512


def index_of_table(artifact: ModelArtifact, parquet: Path, store: Path, processes: int = 1) -> SourceIndex:
    """The index of the training part of a table. Raises what ``load_dataset`` and ``build_source_index`` raise."""
    data = load_dataset(parquet, store, MATERIALS_PROJECT_TASKS, artifact.card.rule, processes)
    rows, held_out = data.rows_of("train"), data.rows_of("calibration")
    names = [task.definition.name for task in MATERIALS_PROJECT_TASKS]
    labels = labels_in_card_order(artifact, names, data.labels[rows])
    materials = _materials_of(parquet, rows, artifact.card.crystal_rule, processes)
    return build_source_index(artifact, data.graphs, rows, held_out, materials, labels, _telling("embed"))


def _materials_of(parquet: Path, rows: NDArray[np.int64], rule: GraphRule, processes: int) -> SourceMaterials:
    """Symmetry and keys of the rows, which a store does not hold; symmetry takes most of the time."""
    table = pd.read_parquet(parquet, columns=["id", "structure"]).iloc[rows]
    starts = range(0, len(table), _ROWS_AT_ONCE)
    pieces = [table.iloc[start : start + _ROWS_AT_ONCE] for start in starts]
    ids, texts = ([piece[column].tolist() for piece in pieces] for column in ("id", "structure"))
    tell, parts, done = _telling("describe"), list[SourceMaterials](), 0
    # Spawned, not forked: torch has threads.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            for part in pool.map(_described, ids, texts, [rule] * len(pieces)):
                parts.append(part)
                done += len(part)
                tell(done, len(table))
        except BrokenProcessPool as error:
            raise ConfigurationError(
                "a process that searched symmetries was killed: run again", reason="INDEXER_DIED"
            ) from error
    return joined_materials(parts)


def _described(ids: list[str], texts: list[str], rule: GraphRule) -> SourceMaterials:
    structures = [structure_from_column(text) for text in texts]
    return described_materials(ids, structures, [build_graph(structure, rule) for structure in structures])


def _telling(stage: str) -> Callable[[int, int], None]:
    known: dict[int, Progress] = {}

    def tell(done: int, total: int) -> None:
        known.setdefault(total, Progress(stage, total)).tick(done)

    return tell
