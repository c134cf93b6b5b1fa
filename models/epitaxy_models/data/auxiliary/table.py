"""A data set with auxiliary label columns and rows of perturbed copies."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd

from epitaxy_models.data.auxiliary.labels import (
    GROUPS,
    rattled,
    stiffness_labels,
    strain_energy,
    stretched,
    structure_labels,
)
from epitaxy_models.structures import Structure, structure_from_column, structure_to_column

# Logarithm of the volume: plus and minus 15 % about covers what relaxation and cell choice do.
_STRAIN_STD = 0.06
_RATTLE_MAX = 0.3
# A rattled cell has no two equal atoms left to merge: larger ones would cost more than all the rest.
_RATTLE_SITES_MAX = 12
_ROWS_A_PIECE = 512

Row = dict[str, Any]


def with_auxiliary(
    table: pd.DataFrame,
    log10_bulk_moduli: Mapping[str, float],
    *,
    stretched_share: float = 0.0,
    rattled_share: float = 0.0,
    symmetry: bool = True,
    processes: int = 1,
    on_progress: Callable[[int], None] = lambda _: None,
) -> pd.DataFrame:
    """The table with the columns of ``GROUPS``, and below it copies that carry the labels of their perturbation only.

    Args:
        table: Columns id, formula, structure and labels.
        log10_bulk_moduli: GPa, by reduced formula; given to the most stable structure of the formula.
        stretched_share: Copies of another volume, as a share of the rows.
        rattled_share: Copies with displaced atoms, as a share of the rows of at most 12 sites.
        symmetry: Find the space groups, which takes most of the time.
        processes: That work side by side.
        on_progress: Told the rows done.
    """
    moduli = _moduli_of_rows(table, log10_bulk_moduli)
    texts = table["structure"].tolist()
    starts = range(0, len(table), _ROWS_A_PIECE)
    pieces = [
        (texts[s : s + _ROWS_A_PIECE], moduli[s : s + _ROWS_A_PIECE], s, stretched_share, rattled_share, symmetry)
        for s in starts
    ]
    labels: list[Row] = []
    copies: list[Row] = []
    for own, made in _mapped(pieces, processes):
        labels += own
        copies += made
        on_progress(len(labels))
    originals = pd.concat([table.reset_index(drop=True), pd.DataFrame(labels)], axis=1)
    return pd.concat([originals, _copies_table(table, copies)], ignore_index=True)


def _moduli_of_rows(table: pd.DataFrame, by_formula: Mapping[str, float]) -> list[float]:
    """NaN but for one structure a formula: the modulus of a formula is that of its ground state."""
    energies = [name for name in table.columns if name.startswith("formation_energy")]
    energy = table[energies].mean(axis=1) if energies else pd.Series(0.0, index=table.index)
    ranked = table.assign(_energy=energy.to_numpy()).reset_index(drop=True).sort_values("_energy", kind="stable")
    chosen = ranked.drop_duplicates("formula").index
    moduli = np.full(len(table), np.nan)
    moduli[chosen] = [by_formula.get(formula, np.nan) for formula in ranked.loc[chosen, "formula"]]
    return [float(value) for value in moduli]


def _mapped(pieces: Iterable[tuple[Any, ...]], processes: int) -> Iterator[tuple[list[Row], list[Row]]]:
    if processes == 1:
        yield from (_piece(*piece) for piece in pieces)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_piece, *zip(*pieces, strict=True))


def _piece(
    texts: list[str], moduli: list[float], start: int, stretched_share: float, rattled_share: float, symmetry: bool
) -> tuple[list[Row], list[Row]]:
    labels, copies = [], []
    for row, (text, modulus) in enumerate(zip(texts, moduli, strict=True), start):
        structure = structure_from_column(text)
        own = structure_labels(structure, symmetry=symmetry) | {"strain_log_volume_1": np.nan}
        if np.isfinite(modulus):
            own |= stiffness_labels(structure, modulus)
        labels.append(own)
        copies += _copies(structure, row, modulus, stretched_share, rattled_share)
    return labels, copies


def _copies(structure: Structure, row: int, modulus: float, stretched_share: float, rattled_share: float) -> list[Row]:
    generator = np.random.default_rng([23, row])
    copies = []
    if generator.random() < stretched_share:
        change = float(np.clip(generator.normal(0.0, _STRAIN_STD), -3 * _STRAIN_STD, 3 * _STRAIN_STD))
        label = {"strain_log_volume_1": change}
        if np.isfinite(modulus):
            label["strain_energy_eV_atom"] = strain_energy(structure, modulus, change)
        copies.append({"_row": row, "structure": structure_to_column(stretched(structure, change))} | label)
    if structure.n_sites <= _RATTLE_SITES_MAX and generator.random() < rattled_share:
        amplitude = float(generator.uniform(0.0, _RATTLE_MAX))
        moved = rattled(structure, amplitude, generator)
        copies.append({"_row": row, "structure": structure_to_column(moved), "rattle_A": amplitude})
    return copies


def _copies_table(table: pd.DataFrame, copies: list[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(
        copies, columns=["_row", "structure", *chain(GROUPS["strain"], GROUPS["strain_energy"], GROUPS["rattle"])]
    )
    sources = table.iloc[frame.pop("_row").astype(int)]
    frame.insert(0, "id", (sources["id"] + "/copy").to_numpy())
    frame.insert(1, "formula", sources["formula"].to_numpy())
    return frame
