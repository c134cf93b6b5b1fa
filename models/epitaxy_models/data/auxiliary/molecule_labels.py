"""Labels that RDKit computes for a molecule: what a network learns where nothing was measured."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import Mol, rdMolDescriptors
from rdkit.Chem.rdPartialCharges import ComputeGasteigerCharges

_D = rdMolDescriptors
# Values of a whole molecule.
_WHOLE: dict[str, Callable[[Mol], float]] = {
    "partition": lambda m: _D.CalcCrippenDescriptors(m)[0],
    "fraction_sp3": _D.CalcFractionCSP3,
}
# Values that grow with the molecule; their labels are shares of one heavy atom.
_BY_ATOM: dict[str, Callable[[Mol], float]] = {
    "refractivity": lambda m: _D.CalcCrippenDescriptors(m)[1],
    "partition_atom": lambda m: _D.CalcCrippenDescriptors(m)[0],
    "polar_surface": _D.CalcTPSA,
    "surface": _D.CalcLabuteASA,
    "weight": _D.CalcExactMolWt,
    "hydrogens": lambda m: sum(atom.GetTotalNumHs() for atom in m.GetAtoms()),
    "hall_kier_alpha": _D.CalcHallKierAlpha,
    "kappa_1": _D.CalcKappa1,
    "kappa_2": _D.CalcKappa2,
    "kappa_3": _D.CalcKappa3,
    "flexibility": _D.CalcPhi,
    "chi_0": _D.CalcChi0v,
    "chi_1": _D.CalcChi1v,
    "chi_2": _D.CalcChi2v,
    "chi_3": _D.CalcChi3v,
    "chi_4": _D.CalcChi4v,
    "rings": _D.CalcNumRings,
    "aromatic_rings": _D.CalcNumAromaticRings,
    "saturated_rings": _D.CalcNumSaturatedRings,
    "heterocycles": _D.CalcNumHeterocycles,
    "aromatic_heterocycles": _D.CalcNumAromaticHeterocycles,
    "spiro_atoms": _D.CalcNumSpiroAtoms,
    "bridgehead_atoms": _D.CalcNumBridgeheadAtoms,
    "rotatable_bonds": _D.CalcNumRotatableBonds,
    "amide_bonds": _D.CalcNumAmideBonds,
    "donors": _D.CalcNumHBD,
    "acceptors": _D.CalcNumHBA,
    "heteroatoms": _D.CalcNumHeteroatoms,
}
_VECTORS: dict[str, tuple[Callable[[Mol], object], int]] = {
    "charge_surface": (_D.PEOE_VSA_, 14),
    "refractivity_surface": (_D.SMR_VSA_, 10),
    "partition_surface": (_D.SlogP_VSA_, 12),
}
PREFIX = "rdkit_"
NAMES = (
    *(f"{PREFIX}{name}" for name in (*_WHOLE, *_BY_ATOM)),
    *(f"{PREFIX}{name}_{number}" for name, (_, count) in _VECTORS.items() for number in range(count)),
    f"{PREFIX}most_charge",
    f"{PREFIX}least_charge",
)


def molecule_labels(molecule: Mol) -> NDArray[np.float32]:
    """Labels in the order of ``NAMES``, NaN where a value is not finite."""
    ComputeGasteigerCharges(molecule)
    charges = [atom.GetDoubleProp("_GasteigerCharge") for atom in molecule.GetAtoms()]
    n_atoms = molecule.GetNumHeavyAtoms()
    values = [
        *(compute(molecule) for compute in _WHOLE.values()),
        *(compute(molecule) / n_atoms for compute in _BY_ATOM.values()),
        *(value / n_atoms for compute, _ in _VECTORS.values() for value in compute(molecule)),  # type: ignore[attr-defined]  # RDKit's vectors of doubles
        max(charges),
        min(charges),
    ]
    labels = np.array(values, dtype=np.float32)
    return np.where(np.isfinite(labels), labels, np.nan)
