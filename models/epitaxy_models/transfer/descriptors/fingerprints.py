"""Counts of the surroundings of atoms (Rogers & Hahn, J. Chem. Inf. Model. 50, 742 (2010)), by RDKit."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

from epitaxy_models.molecules.molecule import Molecule
from epitaxy_models.polymers.polymer import Polymer
from epitaxy_models.polymers.repeat_unit import RepeatUnit

N_COUNTS = 2048
_RADIUS = 2

# Part of every cache key and model card: to be raised with any change of a value.
FINGERPRINT_VERSION = "morgan-counts-1"

_GENERATOR = GetMorganGenerator(radius=_RADIUS, fpSize=N_COUNTS)


def count_surroundings(molecules: Sequence[Molecule]) -> NDArray[np.float64]:
    """How often each surrounding of up to two bonds occurs, float64 ``[n_molecules, 2048]``, folded by hash."""
    rows = [_GENERATOR.GetCountFingerprintAsNumPy(molecule.graph) for molecule in molecules]
    return np.array(rows, dtype=np.float64).reshape(len(rows), N_COUNTS)


def count_chain_surroundings(polymers: Sequence[Polymer]) -> NDArray[np.float64]:
    """The same in an endless chain, a unit, float64 ``[n_polymers, 2048]``; means over the units of a copolymer."""
    rows = [_counts_of(polymer) for polymer in polymers]
    return np.array(rows, dtype=np.float64).reshape(len(rows), N_COUNTS)


def _counts_of(polymer: Polymer) -> NDArray[np.float64]:
    counts = np.zeros(N_COUNTS)
    for unit, fraction in zip(polymer.units, polymer.fractions.tolist(), strict=True):
        chain, middle = chain_of(unit, _RADIUS + 1)
        counts += fraction * _GENERATOR.GetCountFingerprintAsNumPy(chain, fromAtoms=middle)
    return counts


def chain_of(unit: RepeatUnit, reach: int) -> tuple[Chem.Mol, list[int]]:
    """A chain of repeats, and the places of the atoms of its middle unit, which no end is nearer to than ``reach``."""
    first, last = unit.joined_atoms
    n_in_path = 1 if first == last else len(Chem.GetShortestPath(unit.graph, first, last))
    n_around = ceil(reach / n_in_path)
    body, (head, tail), order = _without_ends(unit)
    n_atoms = body.GetNumAtoms()
    chain = Chem.RWMol(body)
    for place in range(1, 2 * n_around + 1):
        chain.InsertMol(body)
        chain.AddBond((place - 1) * n_atoms + tail, place * n_atoms + head, order)
    Chem.SanitizeMol(chain)
    return chain.GetMol(), list(range(n_around * n_atoms, (n_around + 1) * n_atoms))


def _without_ends(unit: RepeatUnit) -> tuple[Chem.Mol, tuple[int, int], Chem.BondType]:
    """The unit without its open ends, the places of the atoms that they were at, and the order of the bond."""
    order = unit.graph.GetAtomWithIdx(unit.ends[0]).GetBonds()[0].GetBondType()
    body = Chem.RWMol(unit.graph)
    # An aromatic nitrogen at the end of the chain needs a hydrogen, which only single and double bonds tell.
    Chem.Kekulize(body, clearAromaticFlags=True)
    first, last = unit.joined_atoms
    for joined in {first, last}:
        # Marks of stereochemistry refer to bonds that are taken away; surroundings do not see them.
        body.GetAtomWithIdx(joined).SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    for end in sorted(unit.ends, reverse=True):
        body.RemoveAtom(end)
    heads = tuple(joined - sum(end < joined for end in unit.ends) for joined in (first, last))
    return body.GetMol(), (heads[0], heads[1]), order
