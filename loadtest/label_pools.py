"""Label columns of data sets, with what the substrate says of their structures; each structure is embedded once."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.data.units import UNITS, suffix_of
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.structures import Structure, structure_from_column
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.labels.judging import Crystal
from epitaxy_models.transfer.labels.references import SubstrateReferences
from epitaxy_models.transfer.labels.units import ReferenceValues

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

# Labels that no tenant would learn: coordinates of a cell, counts, sources.
_NO_LABELS = {"nsites", "nelements", "spacegroup_number", "year", "min_dist_A", "volume_A3", "test_temperature_C"}
_NO_LABELS |= {f"{name}_A" for name in "abc"} | {f"{name}_deg" for name in ("alpha", "beta", "gamma")}
_LARGEST_CELL = 60
_GRAPHS_A_BATCH = 32


class Half(StrEnum):
    """Which formulas: limits are chosen on one half and measured on the other."""

    ALL = "all"
    TUNE = "tune"
    MEASURE = "measure"


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows of one file.

    Attributes:
        name: Of the file.
        crystals: One a row; a row without a structure has its composition, or nothing, for a formula.
        columns: Labels by name, ``[n_rows]``.
        answers: What the substrate predicts; empty without structures.
        structures: Empty where the file has none.
        embeddings: ``[n_rows, n_members, width]``; None without structures.
    """

    name: str
    crystals: Sequence[Crystal]
    columns: dict[str, Array]
    answers: Sequence[ReferenceValues] = ()
    structures: Sequence[Structure] = ()
    embeddings: NDArray[np.float32] | None = None

    @property
    def kind(self) -> str:
        """What its rows are to the check of labels."""
        return "crystals" if self.structures else "formulas" if self.crystals[0].reduced_formula else "no formula"

    @cached_property
    def _is_tuned_on(self) -> NDArray[np.bool_]:
        return np.array([zlib.crc32(crystal.reduced_formula.encode()) % 2 == 0 for crystal in self.crystals])

    def known(self, column: str, half: Half) -> Rows:
        """Rows that have a label, of one half of the formulas; rows without a formula belong to both halves."""
        is_known = np.isfinite(self.columns[column])
        if half is not Half.ALL and self.kind != "no formula":
            is_known &= self._is_tuned_on == (half is Half.TUNE)
        return np.flatnonzero(is_known)

    def answers_of(self, rows: Rows) -> list[ReferenceValues]:
        """The substrate's predictions for some rows."""
        return [ReferenceValues(one.name, one.unit, one.values[rows]) for one in self.answers]

    def inputs(self, rows: Rows) -> TransferInputs:
        """What strategies learn from; from the embeddings at hand."""
        if self.embeddings is None:
            raise ValueError(f"{self.name} has no structures")
        chosen = [self.structures[row] for row in rows]
        rule = _artifact().card.rule
        graphs = [build_graph(structure, rule) for structure in chosen]
        return SubstrateFeatures(_artifact()).inputs_from(chosen, graphs, self.embeddings[rows])


def read_pools(path: Path, n_rows: int, seed: int, scratch: Path | None = None) -> Iterator[Pool]:
    """The labels of a file: of its crystals, and of all its rows by composition where only some have a structure.

    At most ``n_rows`` rows are drawn by ``seed``; embeddings are kept in ``scratch`` for the next run.
    """
    table = pd.read_parquet(path)
    has_structure = table["structure"].notna() if "structure" in table else pd.Series(False, index=table.index)
    if not has_structure.all():
        yield _of_formulas(path.stem, table.sample(min(len(table), n_rows), random_state=seed))
    is_small = has_structure & (table["nsites"] <= _LARGEST_CELL) if "nsites" in table else has_structure
    if is_small.any():
        yield _of_crystals(path.stem, table[is_small].sample(min(is_small.sum(), n_rows), random_state=seed), scratch)


def unit_of(column: str) -> str:
    """The unit in a column's name; 1 where there is none."""
    suffix = suffix_of(column)
    return UNITS[suffix] if suffix else "1"


def _of_formulas(name: str, table: pd.DataFrame) -> Pool:
    texts = table["composition"] if "composition" in table else [""] * len(table)
    return Pool(name, [Crystal(str(text), 1, row) for row, text in enumerate(texts)], _columns(table))


def _of_crystals(name: str, table: pd.DataFrame, scratch: Path | None) -> Pool:
    structures = [structure_from_column(text) for text in table["structure"]]
    graphs = [build_graph(structure, _artifact().card.rule) for structure in structures]
    kept = (
        scratch / f"{name}-{len(table)}-{zlib.crc32(''.join(table['structure']).encode()):08x}.npy" if scratch else None
    )
    embeddings = _embeddings(graphs, kept)
    answers = SubstrateReferences.read(_artifact(), embeddings, structures)
    crystals = [Crystal(one.reduced_formula, one.n_sites, row) for row, one in enumerate(structures)]
    return Pool(name, crystals, _columns(table), answers, structures, embeddings)


def _embeddings(graphs: Sequence[CrystalGraph], kept: Path | None) -> NDArray[np.float32]:
    if kept and kept.exists():
        return np.asarray(np.load(kept), dtype=np.float32)
    embed = Embedder(_artifact())
    starts = range(0, len(graphs), _GRAPHS_A_BATCH)
    embeddings = np.concatenate([embed(graphs[start : start + _GRAPHS_A_BATCH]) for start in starts])
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, embeddings)
    return embeddings


def _columns(table: pd.DataFrame) -> dict[str, Array]:
    names = [str(name) for name in table.select_dtypes("number") if name not in _NO_LABELS]
    return {name: table[name].to_numpy(dtype=np.float64) for name in names}


@cache
def _artifact() -> ModelArtifact:
    return load_artifact(shipped_model())
