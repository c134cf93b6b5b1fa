"""The table that the shipped substrate of molecules was pretrained on."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rdkit import Chem

from epitaxy_models.data.auxiliary.molecule_labels import NAMES, molecule_labels
from epitaxy_models.data.corpora.measured import add_measured
from epitaxy_models.data.corpora.molecule_pool import MoleculePool, constitution_of
from epitaxy_models.data.corpora.packages import package_folder
from epitaxy_models.data.corpora.qm9 import add_qm9
from epitaxy_models.progress import Progress

_LOG = logging.getLogger(__name__)
_N_MOSES = 70_000
# Molecules that are kept, by the first source that has labels of theirs: measured, Clean Energy Project, QM9, MOSES,
# identified in chemicals without any label.
_KEPT = (("measured", 10**9), ("cep", 22_000), ("qm9", 50_000), ("moses", 15_000), ("identified", 30_000))
# Labels of RDKit, which take most of the time, are computed for all that have no quantum labels and for this share.
_LABELLED = ("measured", "identified", "moses")
_LABELLED_SHARE = 0.3
# Extremes beyond this many standard deviations would rule the loss.
_CLIP = 8
_PLAUSIBLE_CONDUCTIVITY = (0.05, 0.7)
_ROWS_A_TASK = 2_000
_UNITS = {
    **dict.fromkeys(("qm_homo", "qm_lumo", "qm_gap", "qm_zpve_atom", "qm_bind_atom"), "eV"),
    **dict.fromkeys(("ex_tm", "ex_tb", "ex_flash", "ex_tc"), "K"),
    "qm_dipole": "D",
    "cep_pce": "pct",
}


@dataclass(frozen=True, slots=True)
class MoleculeSources:
    """Where the molecules come from.

    Attributes:
        cep: Parquet of the Clean Energy Project, with ``smiles`` and ``pce_pct``; None leaves it out.
        leave_out: Tables whose molecules are not to be learned, with a column ``smiles``.
        packages: Folder of the data packages; None for the installed ones.
        measured: Tables of the package chemicals to use, see docs/data-provenance.md: all; those that are CC0; none.
    """

    cep: Path | None = None
    leave_out: Sequence[Path] = field(default=())
    packages: Path | None = None
    measured: Literal["all", "open", "none"] = "all"


def build_molecules(
    sources: MoleculeSources, processes: int = 1, on_step: Callable[[str], None] = _LOG.info
) -> pd.DataFrame:
    """Columns ``smiles``, ``formula`` (the same) and the labels of ``MOLECULE_TASKS``; a quarter of an hour.

    Raises ConfigurationError (MISSING_PACKAGE).
    """
    pool = MoleculePool()
    if sources.cep is not None:
        for smiles, value in pd.read_parquet(sources.cep)[["smiles", "pce_pct"]].itertuples(index=False):
            pool.put(constitution_of(smiles), "cep_pce", value)
        on_step(f"{len(pool):,} molecules with those of the Clean Energy Project")
    add_qm9(pool, package_folder("qm9pack", sources.packages), _ticks("QM9", 130_831))
    on_step(f"{len(pool):,} with QM9")
    for smiles in _moses(package_folder("moses", sources.packages)):
        pool.add(constitution_of(smiles))
    n_without_measured = len(pool)
    on_step(f"{n_without_measured:,} with MOSES")
    if sources.measured != "none":
        folder = package_folder("chemicals", sources.packages)
        add_measured(pool, folder, only_open=sources.measured == "open")
        on_step(f"{len(pool):,} with chemicals")
    for path in sources.leave_out:
        texts = pd.read_parquet(path, columns=["smiles"])["smiles"]
        on_step(f"{pool.drop(map(constitution_of, texts)):,} left out, which are in {path.name}")
    chosen, is_labelled = _subset(pool.table(), n_without_measured)
    on_step(f"{len(chosen):,} chosen; RDKit computes labels of {int(is_labelled.sum()):,}")
    return _with_units(chosen, _computed(chosen["smiles"].tolist(), is_labelled, processes))


def _moses(folder: Path) -> list[str]:
    table = pd.read_csv(folder / "dataset" / "data" / "train.csv.gz")
    n_drawn = min(_N_MOSES, len(table))
    return [str(smiles) for smiles in table["SMILES"].sample(n_drawn, random_state=0)]


def _subset(pool: pd.DataFrame, n_without_measured: int) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """A sample in random order, and which rows get labels of RDKit."""
    rng = np.random.default_rng(1)
    kinds = _kinds(pool, n_without_measured)
    keep = np.zeros(len(pool), dtype=bool)
    for kind, most in _KEPT:
        keep[rng.permutation(np.flatnonzero(kinds == kind))[:most]] = True
    order = rng.permutation(np.flatnonzero(keep))
    is_labelled = np.isin(kinds[order], _LABELLED) | (rng.random(len(order)) < _LABELLED_SHARE)
    return pool.iloc[order].reset_index(drop=True), np.asarray(is_labelled)


def _kinds(pool: pd.DataFrame, n_without_measured: int) -> NDArray[np.str_]:
    """The source of each molecule; rows after the first ``n_without_measured`` came with chemicals."""
    measured = [name for name in pool if name.startswith("ex_")]
    is_measured = pool[measured].notna().any(axis=1)
    without_label = np.where(np.arange(len(pool)) < n_without_measured, "moses", "identified")
    labelled_by = (("qm_homo", "qm9"), ("cep_pce", "cep"))
    kinds = without_label
    for column, kind in labelled_by:
        kinds = np.where(pool[column].notna(), kind, kinds) if column in pool else kinds
    return np.asarray(np.where(is_measured, "measured", kinds))


def _computed(smiles: Sequence[str], is_labelled: NDArray[np.bool_], processes: int) -> pd.DataFrame:
    """Labels of RDKit, NaN where none were wanted."""
    tasks = [
        (smiles[start : start + _ROWS_A_TASK], is_labelled[start : start + _ROWS_A_TASK])
        for start in range(0, len(smiles), _ROWS_A_TASK)
    ]
    progress = Progress("labels of RDKit", len(smiles))
    blocks = []
    for block in _mapped(tasks, processes):
        blocks.append(block)
        progress.tick(sum(map(len, blocks)))
    labels = pd.DataFrame(np.concatenate(blocks), columns=[f"{name}_1" for name in NAMES])
    middle, spread = labels.median(), labels.std()
    return labels.clip(middle - _CLIP * spread, middle + _CLIP * spread, axis=1)


def _mapped(tasks: Sequence[tuple[Sequence[str], NDArray[np.bool_]]], processes: int) -> Iterator[NDArray[np.float32]]:
    if processes == 1:
        yield from map(_labels_of, tasks)
        return
    with ProcessPoolExecutor(processes) as executor:
        yield from executor.map(_labels_of, tasks)


def _labels_of(task: tuple[Sequence[str], NDArray[np.bool_]]) -> NDArray[np.float32]:
    smiles, wanted = task
    none = np.full(len(NAMES), np.nan, dtype=np.float32)
    pairs = zip(smiles, wanted, strict=True)
    return np.stack([molecule_labels(Chem.MolFromSmiles(text)) if is_wanted else none for text, is_wanted in pairs])


def _with_units(table: pd.DataFrame, computed: pd.DataFrame) -> pd.DataFrame:
    """The columns named with their units, as ``MOLECULE_TASKS`` has them."""
    names = {name: f"{name}_{_UNITS.get(name, '1')}" for name in table if name != "smiles"}
    named = table.rename(columns=names)
    if "ex_kliq_1" in named:
        named.loc[~named["ex_kliq_1"].between(*_PLAUSIBLE_CONDUCTIVITY), "ex_kliq_1"] = np.nan
    return pd.concat([named, computed], axis=1).assign(formula=named["smiles"])


def _ticks(title: str, total: int) -> Callable[[], None]:
    """Tells of progress row by row."""
    progress = Progress(title, total)
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress.tick(done)

    return tick
