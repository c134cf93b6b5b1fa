"""Magpie-style statistics of elemental properties (Ward et al., npj Comput. Mater. 2, 16028 (2016))."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled
from epitaxy_models.structures.element_table import ELEMENT_PROPERTIES, ELEMENT_TABLE, property_of_elements
from epitaxy_models.structures.structure import Structure

_STATISTICS = ("mean", "std", "min", "max", "range", "mode")
_NORMS = (2, 3, 5, 7, 10)

COMPOSITION_NAMES = (
    *(f"{statistic}_{name}" for statistic in _STATISTICS for name in ELEMENT_PROPERTIES),
    "n_elements",
    *(f"stoichiometry_norm_{order}" for order in _NORMS),
    "mixing_entropy",
    "mean_ionic_character",
    "max_ionic_character",
    *(f"valence_share_{shell}" for shell in "spdf"),
    "mean_inverse_root_mass",
    "max_inverse_root_mass",
)


def composition_features(structures: Sequence[Structure]) -> NDArray[np.float64]:
    """Statistics over the atoms of each structure, float64 ``[n_structures, len(COMPOSITION_NAMES)]``."""
    return share_features(_atomic_shares(structures))


def share_features(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same statistics of shares of elements in the atoms, ``[n_rows, 119]`` by atomic number."""
    rows = np.concatenate([_statistics(shares, ELEMENT_TABLE), _stoichiometry(shares), _chemistry(shares)], axis=1)
    return np.asarray(rows, dtype=np.float64)


def _atomic_shares(structures: Sequence[Structure]) -> NDArray[np.float64]:
    """Share of each element in the atoms, ``[n_structures, 119]``."""
    counts = [np.bincount(structure.atomic_numbers, minlength=len(ELEMENT_TABLE)) for structure in structures]
    shares = np.array(counts, dtype=np.float64).reshape(len(structures), len(ELEMENT_TABLE))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


@compiled()
def _statistics(shares: NDArray[np.float64], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The statistics of the columns of ``table`` ``[n_elements, n_properties]``, one statistic after another."""
    n_rows, n = len(shares), table.shape[1]
    features = np.zeros((n_rows, 6 * n))
    for row in range(n_rows):
        present = np.flatnonzero(shares[row])
        most = shares[row].max()
        for k in range(n):
            values, weights = table[present, k], shares[row, present]
            mean, smallest, largest = (weights * values).sum(), values.min(), values.max()
            # Elements of equal share: the smallest value, as Magpie has it.
            mode = values[weights > most - 1e-9].min()
            # In a second pass: E[x^2] - E[x]^2 of a pure element would leave the root of a rounding error.
            std = math.sqrt((weights * (values - mean) ** 2).sum())
            for position, value in enumerate((mean, std, smallest, largest, largest - smallest, mode)):
                features[row, position * n + k] = value
    return features


def _stoichiometry(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = [np.sum(shares**order, axis=1) ** (1.0 / order) for order in _NORMS]
    entropy = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)
    return np.stack([np.count_nonzero(shares, axis=1), *norms, entropy], axis=1)


def _chemistry(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    negativity = property_of_elements("electronegativity")
    ionic = 1.0 - np.exp(-0.25 * (negativity[:, None] - negativity) ** 2)
    mean_ionic = np.einsum("ri,ij,rj->r", shares, ionic, shares)
    present = shares > 0
    max_ionic = np.array([ionic[np.ix_(row, row)].max() for row in present]).reshape(-1)
    shells = [shares @ property_of_elements(f"{shell}_valence") for shell in "spdf"]
    total = shares @ property_of_elements("valence")
    inverse_root = 1.0 / np.sqrt(property_of_elements("atomic_mass"))
    lightest = np.max(np.where(present, inverse_root, 0.0), axis=1)
    return np.stack(
        [mean_ionic, max_ionic, *(shell / total for shell in shells), shares @ inverse_root, lightest], axis=1
    )
