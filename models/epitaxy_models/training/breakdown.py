"""Held-out errors by kind of crystal: where a mean error hides a bad one."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.groups import BAND_EDGES, levels_of
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.structures.elements import symbol_of

Groups = Mapping[str, NDArray[np.bool_]]
# A group of fewer labelled structures has no error worth stating.
_N_MIN = 20
_SIZES = ((1, 5), (6, 10), (11, 20), (21, 40), (41, 80), (81, None))


def crystal_groups(
    atomic_numbers: Sequence[NDArray[np.uint8]],
    band_gaps: NDArray[np.float64],
    training_systems: frozenset[str],
) -> dict[str, NDArray[np.bool_]]:
    """Which structures belong to which group, ``[n_structures]`` each.

    Groups are numbers of elements, sizes of the cell, metals against non-metals by the label of the gap (neither where
    there is no label), and whether any training structure has the same set of elements.

    Args:
        atomic_numbers: Atomic numbers of the sites of each structure.
        band_gaps: Labels, eV; NaN if there is none.
        training_systems: Chemical systems of the training part, as ``chemical_system`` writes them.
    """
    n_sites = np.array([len(numbers) for numbers in atomic_numbers])
    is_seen = np.array([chemical_system(numbers) in training_systems for numbers in atomic_numbers])
    groups = element_groups(atomic_numbers)
    for low, high in _SIZES:
        name = f"{low} to {high} sites" if high else f"{low} sites and more"
        groups[name] = (n_sites >= low) & (n_sites <= (high or n_sites.max(initial=0)))
    groups |= {"metals": band_gaps == 0, "non-metals": band_gaps > 0}
    return groups | {"chemical system seen in training": is_seen, "chemical system unseen in training": ~is_seen}


def element_groups(atomic_numbers: Sequence[NDArray[np.uint8]]) -> dict[str, NDArray[np.bool_]]:
    """Which structures have which number of elements, ``[n_structures]`` each."""
    n_elements = np.array([len(np.unique(numbers)) for numbers in atomic_numbers])
    groups = {f"{n} element{'s' if n > 1 else ''}": n_elements == n for n in range(1, 5)}
    return groups | {"5 elements and more": n_elements >= 5}


def known_groups(cells: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Groups that are known before a measurement, but for the number of elements, ``[n_structures]`` each.

    Bands of the domain score, and metals by the predicted gap.
    """
    _, bands, are_metals = levels_of(cells).T
    ends = (0.0, *BAND_EDGES, 1.0)
    groups = {f"domain score {low:g} to {high:g}": bands == k for k, (low, high) in enumerate(pairwise(ends))}
    return groups | {"predicted metals": are_metals == 1, "predicted non-metals": are_metals == 0}


def chemical_system(atomic_numbers: NDArray[np.uint8]) -> str:
    """Elements in alphabetical order: ``"O-Sr-Ti"``."""
    return "-".join(sorted(symbol_of(int(number)) for number in np.unique(atomic_numbers)))


def errors_by_group(
    prediction: EnsemblePrediction, column: int, labels: NDArray[np.float64], groups: Groups
) -> dict[str, dict[str, float]]:
    """Of each group with at least 20 labels: ``n``, ``mae``, ``coverage`` and ``mean_interval_width``."""
    known = np.isfinite(labels)
    chosen = {name: np.flatnonzero(mask & known) for name, mask in groups.items()}
    return {name: _errors(prediction, column, labels, rows) for name, rows in chosen.items() if len(rows) >= _N_MIN}


def _errors(
    prediction: EnsemblePrediction, column: int, labels: NDArray[np.float64], rows: NDArray[np.int64]
) -> dict[str, float]:
    truth = labels[rows]
    lower, upper = prediction.lower[rows, column], prediction.upper[rows, column]
    return {
        "n": len(rows),
        "mae": float(np.abs(truth - prediction.values[rows, column]).mean()),
        "coverage": float(np.mean((truth >= lower) & (truth <= upper))),
        "mean_interval_width": float(np.mean(upper - lower)),
    }
