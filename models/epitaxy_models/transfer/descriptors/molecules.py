"""Descriptors of molecules by RDKit: what it computes quickly, deterministically and without exploding."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Descriptors

from epitaxy_models.molecules.molecule import Molecule

# Slow (half of the time of all for seven of them), of the molecule's name rather than its chemistry, undefined for
# some elements, or growing exponentially with size (Ipc).
_LEFT_OUT = frozenset(
    {
        "AvgIpc",
        "BalabanJ",
        "BertzCT",
        "FpDensityMorgan1",
        "FpDensityMorgan2",
        "FpDensityMorgan3",
        "Ipc",
        "MaxAbsEStateIndex",
        "MaxEStateIndex",
        "MinAbsEStateIndex",
        "MinEStateIndex",
        "NumRadicalElectrons",
        "SPS",
        "qed",
    }
)
_LARGEST = 1e6

_FUNCTIONS: dict[str, Callable[[Chem.Mol], float]] = {
    name: function for name, function in Descriptors.descList if name not in _LEFT_OUT and not name.startswith("BCUT2D")
}

MOLECULE_DESCRIPTOR_NAMES: tuple[str, ...] = tuple(_FUNCTIONS)
"""RDKit's names. Masses in u, surfaces in square Angstrom, partial charges in e, the rest counts and indices."""

# They do not grow with the molecule: shares, extremes, ratios.
INTENSIVE_NAMES = frozenset(
    {
        "FractionCSP3",
        "MaxAbsPartialCharge",
        "MaxPartialCharge",
        "MinAbsPartialCharge",
        "MinPartialCharge",
    }
)

# Part of every cache key and model card: to be raised with any change of a value, or of RDKit's own definitions.
MOLECULE_DESCRIPTOR_VERSION = "molecule-descriptors-1"


def describe_molecules(molecules: Sequence[Molecule]) -> NDArray[np.float64]:
    """Descriptors, float64 ``[n_molecules, len(MOLECULE_DESCRIPTOR_NAMES)]``, all finite; about 1 ms a molecule."""
    rows = [describe_graph(molecule.graph) for molecule in molecules]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(MOLECULE_DESCRIPTOR_NAMES))


def describe_graph(graph: Chem.Mol) -> NDArray[np.float64]:
    """Descriptors of one sanitized molecule, ``[n_descriptors]``; 0 where RDKit knows no value for an element."""
    values = np.array([function(graph) for function in _FUNCTIONS.values()], dtype=np.float64)
    return np.clip(np.where(np.isfinite(values), values, 0.0), -_LARGEST, _LARGEST)
