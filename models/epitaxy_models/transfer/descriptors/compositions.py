"""Descriptors of compositions: statistics of elemental properties, and the fractions themselves."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compositions.composition import Composition
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.masses import ATOMIC_MASSES
from epitaxy_models.transfer.descriptors.composition import COMPOSITION_NAMES, share_features

COMPOSITION_DESCRIPTOR_NAMES: tuple[str, ...] = COMPOSITION_NAMES
"""Means, deviations and extremes of properties of elements over the atoms, in the units of ``ELEMENT_TABLE``."""

FRACTION_NAMES: tuple[str, ...] = tuple(f"fraction_{symbol}" for symbol in SYMBOLS)
"""Shares of the atoms, by element."""

# Part of every cache key and model card: to be raised with any change of a value.
COMPOSITION_DESCRIPTOR_VERSION = "composition-descriptors-1"


def describe_compositions(compositions: Sequence[Composition]) -> NDArray[np.float64]:
    """Statistics after Ward et al. (2016), finite, float64 ``[n_compositions, len(COMPOSITION_DESCRIPTOR_NAMES)]``.

    They depend on the fractions alone: not on the order or scale in which amounts were given.
    """
    if not compositions:
        return np.zeros((0, len(COMPOSITION_DESCRIPTOR_NAMES)))
    return share_features(_shares(compositions))


def fractions_of(compositions: Sequence[Composition]) -> NDArray[np.float64]:
    """Shares of the atoms, float64 ``[n_compositions, 118]``; each row adds up to 1."""
    return _shares(compositions)[:, 1:]


def weight_fractions_of(compositions: Sequence[Composition]) -> NDArray[np.float64]:
    """Shares of the mass, float64 ``[n_compositions, 118]``; each row adds up to 1."""
    masses = fractions_of(compositions) * ATOMIC_MASSES[1:]
    return np.asarray(masses / masses.sum(axis=1, keepdims=True))


def _shares(compositions: Sequence[Composition]) -> NDArray[np.float64]:
    shares = np.zeros((len(compositions), len(SYMBOLS) + 1))
    for row, composition in enumerate(compositions):
        shares[row, list(composition.atomic_numbers)] = composition.fractions
    return shares
