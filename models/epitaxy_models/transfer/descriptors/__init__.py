"""Descriptors: what is known of a crystal without any network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.descriptors.composition import COMPOSITION_NAMES, composition_features
from epitaxy_models.transfer.descriptors.geometry import GEOMETRY_NAMES, geometry_features

__all__ = ["DESCRIPTOR_NAMES", "DESCRIPTOR_VERSION", "describe"]

DESCRIPTOR_NAMES: tuple[str, ...] = (*COMPOSITION_NAMES, *GEOMETRY_NAMES)

# Part of every cache key and model card: to be raised with any change of a value.
DESCRIPTOR_VERSION = "descriptors-1"


def describe(structures: Sequence[Structure]) -> NDArray[np.float64]:
    """Descriptors float64 ``[n_structures, len(DESCRIPTOR_NAMES)]``, all finite; about 0.4 ms a structure.

    They do not depend on the choice of cell, origin, orientation, handedness or order of sites.
    """
    if not structures:
        return np.empty((0, len(DESCRIPTOR_NAMES)))
    geometry = np.stack([geometry_features(structure) for structure in structures])
    return np.concatenate([composition_features(structures), geometry], axis=1)
