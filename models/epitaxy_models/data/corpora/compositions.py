"""The table that the shipped substrate of compositions was pretrained on."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.data.auxiliary.formula_labels import (
    labels_by_formula,
    with_directions,
    with_gaps,
    with_moduli,
    without,
)
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures.dataset_column import structure_from_column
from epitaxy_models.substrates.crystal import CrystalSubstrate
from epitaxy_models.substrates.shipped import shipped_crystal

_LOG = logging.getLogger(__name__)
_MAX_SITES = 80
_N_FITTED = 12_000
_ROWS_A_BATCH = 128
_ENERGIES = ("formation_energy_mp2018_eV_atom", "formation_energy_mp2021_eV_atom")


@dataclass(frozen=True, slots=True)
class CompositionSources:
    """Where the formulas come from.

    Attributes:
        crystals: Parquet of crystals with auxiliary labels, as ``make auxiliary-labels`` writes it.
        moduli: Parquet with ``composition`` and ``log10_k_vrh_GPa``.
        gaps: Parquet with ``formula`` and gaps of higher fidelity; None leaves them out.
        leave_out: Tables whose compositions are not to be learned, with a column ``composition``.
        n_directions: Directions of the crystal substrate's embedding; 0 leaves them out.
    """

    crystals: Path
    moduli: Path
    gaps: Path | None = None
    leave_out: Sequence[Path] = field(default=())
    n_directions: int = 32


def crystal_substrate() -> CrystalSubstrate:
    """The shipped one."""
    return shipped_crystal()


def build_compositions(
    sources: CompositionSources,
    substrate: Callable[[], CrystalSubstrate],
    on_step: Callable[[str], None] = _LOG.info,
) -> pd.DataFrame:
    """Columns ``composition``, ``formula`` (the canonical key) and the labels of ``COMPOSITION_TASKS``.

    ``substrate`` loads the crystal substrate whose embedding the network is to foretell; it is called only for that.
    """
    crystals = pd.read_parquet(sources.crystals)
    labels = with_moduli(labels_by_formula(crystals), pd.read_parquet(sources.moduli))
    on_step(f"{len(labels):,} formulas")
    if sources.gaps is not None:
        labels = with_gaps(labels, pd.read_parquet(sources.gaps))
    for path in sources.leave_out:
        n_before = len(labels)
        labels = without(labels, pd.read_parquet(path, columns=["composition"])["composition"])
        on_step(f"{n_before - len(labels):,} left out, which are in {path.name}")
    if sources.n_directions:
        formulas, directions = _directions(crystals, substrate(), sources.n_directions, on_step)
        labels = with_directions(labels, formulas, directions)
    return labels


def _directions(
    crystals: pd.DataFrame, substrate: CrystalSubstrate, n_directions: int, on_step: Callable[[str], None]
) -> tuple[list[str], NDArray[np.float32]]:
    """Principal directions of the embeddings of the most stable crystals, ``[n_formulas, n_directions]``."""
    stable = _most_stable(crystals)
    texts = stable["structure"].tolist()
    on_step(f"{len(texts):,} crystals are embedded")
    blocks = []
    for start in range(0, len(texts), _ROWS_A_BATCH):
        graphs = [build_graph(structure_from_column(text)) for text in texts[start : start + _ROWS_A_BATCH]]
        # Half precision: all embeddings of 60,000 crystals fit into 1 GB.
        blocks.append(substrate.embed(graphs).reshape(len(graphs), -1).astype(np.float16))
    embeddings = np.concatenate(blocks)
    sample = np.random.default_rng(0).permutation(len(embeddings))[:_N_FITTED]
    fitted = embeddings[sample].astype(np.float32)
    middle = fitted.mean(axis=0)
    axes = np.linalg.svd(fitted - middle, full_matrices=False)[2][:n_directions]
    return stable["formula"].tolist(), np.asarray((embeddings.astype(np.float32) - middle) @ axes.T, dtype=np.float32)


def _most_stable(crystals: pd.DataFrame) -> pd.DataFrame:
    """One crystal a formula, of the lowest formation energy."""
    if "strain_log_volume_1" in crystals:
        crystals = crystals[crystals["strain_log_volume_1"].fillna(0.0) == 0.0]
    energies = crystals[_ENERGIES[0]].fillna(crystals[_ENERGIES[1]]).fillna(np.inf)
    small = crystals.assign(_energy=energies)[crystals["nsites"] <= _MAX_SITES]
    return small.sort_values("_energy", kind="stable").drop_duplicates("formula")
