"""Descriptors of polymers: those of the repeat unit with its ends closed, a heavy atom, and of the chain itself.

An open end ``*`` would count as a hetero atom and makes some of RDKit's descriptors NaN. So each end becomes the atom
that follows in the chain, with hydrogens. Descriptors that grow with the unit are divided by its atoms, so that they do
not depend on how long the shortest unit happens to be.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from epitaxy_models.polymers.polymer import Polymer
from epitaxy_models.polymers.repeat_unit import RepeatUnit
from epitaxy_models.transfer.descriptors.molecules import INTENSIVE_NAMES, MOLECULE_DESCRIPTOR_NAMES, describe_graph

Array = NDArray[np.float64]

_CHAIN_NAMES = (
    "backbone_share",
    "backbone_ring_share",
    "backbone_rotatable_share",
    "backbone_hetero_share",
    "longest_side_chain",
    "n_side_chains_per_backbone_atom",
)

POLYMER_DESCRIPTOR_NAMES: tuple[str, ...] = (
    *(name if name in INTENSIVE_NAMES else f"{name}_per_atom" for name in MOLECULE_DESCRIPTOR_NAMES),
    *_CHAIN_NAMES,
)
"""RDKit's names; shares of the unit's atoms or of the backbone's, and the side chain's length in atoms."""

# Part of every cache key and model card: to be raised with any change of a value.
POLYMER_DESCRIPTOR_VERSION = "polymer-descriptors-1"

_IS_INTENSIVE = np.array([name in INTENSIVE_NAMES for name in MOLECULE_DESCRIPTOR_NAMES])


def describe_polymers(polymers: Sequence[Polymer]) -> Array:
    """Descriptors, float64 ``[n_polymers, len(POLYMER_DESCRIPTOR_NAMES)]``, all finite; about 1 ms a unit.

    Those of a copolymer are means over its units, by their shares of the atoms.
    """
    rows = [_describe(polymer) for polymer in polymers]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(POLYMER_DESCRIPTOR_NAMES))


def closed_unit(unit: RepeatUnit) -> Chem.Mol:
    """The unit as a molecule: each open end is the atom that follows in the chain, with hydrogens."""
    first, last = unit.joined_atoms
    graph = Chem.RWMol(unit.graph)
    for end, follower in zip(unit.ends, (last, first), strict=True):
        atom = graph.GetAtomWithIdx(end)
        atom.SetAtomicNum(graph.GetAtomWithIdx(follower).GetAtomicNum())
        atom.SetNoImplicit(False)
    try:
        Chem.SanitizeMol(graph)
        return graph.GetMol()
    except ValueError:
        return _closed_by_hydrogen(unit)


def _closed_by_hydrogen(unit: RepeatUnit) -> Chem.Mol:
    graph = Chem.RWMol(unit.graph)
    for end in unit.ends:
        graph.GetAtomWithIdx(end).SetAtomicNum(1)
        graph.GetAtomWithIdx(end).SetNoImplicit(True)
    Chem.SanitizeMol(graph)
    return graph.GetMol()


def _describe(polymer: Polymer) -> Array:
    weights = polymer.fractions * [unit.n_atoms for unit in polymer.units]
    rows = np.array([_describe_unit(unit) for unit in polymer.units])
    return np.asarray(weights @ rows / weights.sum())


def _describe_unit(unit: RepeatUnit) -> Array:
    graph = closed_unit(unit)
    values = describe_graph(graph)
    per_atom = np.where(_IS_INTENSIVE, values, values / graph.GetNumHeavyAtoms())
    return np.concatenate([per_atom, _chain(unit)])


def _chain(unit: RepeatUnit) -> Array:
    """How the unit's atoms are spread over backbone and side chains, ``[6]``.

    The backbone is the shortest way between the ends, with the rings that it passes through.
    """
    graph = unit.graph
    first, second = unit.ends
    path = list(Chem.GetShortestPath(graph, first, second))[1:-1]
    rings = [set(ring) for ring in graph.GetRingInfo().AtomRings()]
    backbone = set(path).union(*(ring for ring in rings if len(ring & set(path)) > 1))
    in_rings = {atom for ring in rings for atom in ring}
    steps = [graph.GetBondBetweenAtoms(a, b) for a, b in pairwise(path)]
    rotatable = sum(not bond.IsInRing() and bond.GetBondType() == Chem.BondType.SINGLE for bond in steps) + 1
    hetero = sum(graph.GetAtomWithIdx(atom).GetAtomicNum() != 6 for atom in backbone)
    lengths = _side_chains(graph, backbone | set(unit.ends))
    n = len(backbone)
    shares = [len(backbone & in_rings) / n, rotatable / n, hetero / n]
    return np.array([n / unit.n_atoms, *shares, max(lengths, default=0), len(lengths) / n])


def _side_chains(graph: Chem.Mol, backbone: set[int]) -> list[int]:
    """Length of the way to the farthest atom of each branch off the backbone."""
    lengths = []
    seen = set(backbone)
    for start in sorted(backbone):
        for first in _neighbours(graph, start):
            if first in seen:
                continue
            front, length = {first}, 0
            while front:
                length += 1
                seen |= front
                front = set().union(*(_neighbours(graph, atom) for atom in front)) - seen
            lengths.append(length)
    return lengths


def _neighbours(graph: Chem.Mol, atom: int) -> set[int]:
    return {neighbour.GetIdx() for neighbour in graph.GetAtomWithIdx(atom).GetNeighbors()}
