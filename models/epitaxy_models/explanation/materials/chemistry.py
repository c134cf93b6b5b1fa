"""A molecule or polymer against the saturated hydrocarbon of the same skeleton."""

from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from epitaxy_models.explanation.explanation import Spread
from epitaxy_models.explanation.materials.explanation import AtomShare, BondShare, ElementShare
from epitaxy_models.explanation.materials.graph_parts import GraphPart, PartedGraph
from epitaxy_models.materials.reading import Material
from epitaxy_models.molecules import Molecule, read_molecule
from epitaxy_models.polymers import Polymer, read_polymer

BASELINE_WORDS = "the saturated hydrocarbon of the same skeleton: all atoms carbon, all bonds single"


class PartedChemistry:
    """Implements PartedMaterial for molecules and polymers."""

    def __init__(self, material: Molecule | Polymer) -> None:
        # Of the key: the order of bonds, and with it the one Kekulé structure that is looked at, follows the spelling.
        material = as_keyed(material)
        self.material: Molecule | Polymer = material
        graphs = [material.graph] if isinstance(material, Molecule) else [unit.graph for unit in material.units]
        self._units = [PartedGraph(graph) for graph in graphs]
        self._parts = [(unit, number) for unit, own in enumerate(self._units) for number in range(len(own.parts))]
        self._without = lru_cache(maxsize=None)(self._written)

    @property
    def ranks(self) -> Sequence[Hashable]:
        """One a part."""
        return [(unit, *self._units[unit].parts[number].rank) for unit, number in self._parts]

    @property
    def graphs(self) -> Sequence[Chem.Mol]:
        """The molecule, or the repeat units."""
        return [unit.graph for unit in self._units]

    @property
    def bare(self) -> Material:
        """The material without any of its parts."""
        return self.left(np.zeros(len(self._parts), dtype=np.bool_)) if self._parts else self.material

    def left(self, present: NDArray[np.bool_]) -> Material:
        """The material without some parts, free valences filled by hydrogen."""
        absent: list[list[int]] = [[] for _ in self._units]
        for (unit, number), is_there in zip(self._parts, present, strict=True):
            if not is_there:
                absent[unit].append(number)
        return self._without(tuple(map(tuple, absent)))

    def atoms(self, shares: Sequence[Spread]) -> tuple[AtomShare, ...]:
        """One an atom other than hydrogen, in the order of the canonical SMILES."""
        found = self._by_place(shares, of_bonds=False)
        return tuple(
            AtomShare(atom.GetSymbol(), unit, place, found.get((unit, atom.GetIdx()), Spread(0.0, 0.0)))
            for unit, graph in enumerate(self.graphs)
            for place, atom in enumerate(_real_atoms(graph))
        )

    def bonds(self, shares: Sequence[Spread]) -> tuple[BondShare, ...]:
        """One a bond between two of these atoms, in their order."""
        found = self._by_place(shares, of_bonds=True)
        told = []
        for unit, graph in enumerate(self.graphs):
            places = {atom.GetIdx(): place for place, atom in enumerate(_real_atoms(graph))}
            for bond in graph.GetBonds():
                ends = [places[end] for end in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) if end in places]
                if len(ends) == 2:
                    share = found.get((unit, bond.GetIdx()), Spread(0.0, 0.0))
                    told.append(BondShare(unit, min(ends), max(ends), bond.GetBondTypeAsDouble(), share))
        return tuple(sorted(told, key=lambda entry: (entry.unit, entry.first, entry.second)))

    def _by_place(self, shares: Sequence[Spread], *, of_bonds: bool) -> dict[tuple[int, int], Spread]:
        """Shares by unit and by number of the atom or bond in the unit's graph."""
        found: dict[tuple[int, int], Spread] = {}
        for (unit, number), share in zip(self._parts, shares, strict=True):
            part: GraphPart = self._units[unit].parts[number]
            if part.is_of_bonds is of_bonds:
                n_places = len(part.shared_by)
                each = Spread(share.value / n_places, share.std / n_places)
                found |= {(unit, index): each for index in part.shared_by}
        return found

    def _written(self, absent: tuple[tuple[int, ...], ...]) -> Material:
        texts = [own.without(some) for own, some in zip(self._units, absent, strict=True)]
        if isinstance(self.material, Molecule):
            return read_molecule(texts[0]).molecule
        if len(texts) == 1:
            return read_polymer(texts[0]).polymer
        amounts = self.material.amounts
        units = [f"{text} {amount}" for text, amount in zip(texts, amounts, strict=True)]
        return read_polymer("; ".join([*units, f"{self.material.arrangement} ratio"])).polymer


def elements_of(atoms: Sequence[AtomShare]) -> tuple[ElementShare, ...]:
    """Sums over atoms, the largest first."""
    table = Chem.GetPeriodicTable()
    found = []
    for symbol in dict.fromkeys(atom.symbol for atom in atoms):
        own = [atom.spread for atom in atoms if atom.symbol == symbol]
        # An upper bound of the spread of the sum: members that disagree on one atom disagree on the others alike.
        total = Spread(sum(share.value for share in own), sum(share.std for share in own))
        found.append(ElementShare(table.GetAtomicNumber(symbol), len(own), 0.0, total))
    return tuple(sorted(found, key=lambda entry: -abs(entry.spread.value)))


def as_keyed(material: Molecule | Polymer) -> Molecule | Polymer:
    """The same material as its key writes it: sums over its atoms are rounded alike, whatever the spelling was."""
    if isinstance(material, Molecule):
        return read_molecule(material.key).molecule
    return read_polymer(material.key).polymer


def _real_atoms(graph: Chem.Mol) -> Iterator[Chem.Atom]:
    """Atoms without open ends, and without hydrogen that is written out."""
    for index in range(graph.GetNumAtoms()):
        atom = graph.GetAtomWithIdx(index)
        if atom.GetAtomicNum():
            yield atom
