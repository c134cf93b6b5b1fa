"""The parts of a molecule or repeat unit: what makes it differ from a saturated hydrocarbon of the same skeleton."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from rdkit import Chem

_CARBON = 6
# A carbon atom has no more neighbours: what has more stays as it is.
_MOST_NEIGHBOURS = 4
_SINGLE = Chem.BondType.SINGLE
_MULTIPLE = (Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
# Copies of a unit that are joined to a ring, so that atoms that are equal in the endless chain are equal in it.
_COPIES = 3


@dataclass(frozen=True, slots=True)
class GraphPart:
    """What is there or not as one.

    Attributes:
        atoms: Atoms that become carbon without it.
        bonds: Bonds that become single without it.
        shared_by: The atoms, or for a part of bonds alone the bonds, that its share is told of, in equal parts.
        rank: Equal for parts that are equal by symmetry.
    """

    atoms: tuple[int, ...]
    bonds: tuple[int, ...]
    shared_by: tuple[int, ...]
    rank: tuple[Any, ...]

    @property
    def is_of_bonds(self) -> bool:
        """Whether its share is told of bonds."""
        return not self.atoms


class PartedGraph:
    """A molecule, or a unit with two open ends, some of whose parts can be taken away.

    Parts are atoms other than carbon, multiple bonds, and systems of aromatic rings. Charges that belong together, as
    in a nitro group, are one part. The multiple bonds of an atom with a charge or more bonds than its lowest valence,
    as in a sulfone, belong to that atom: without them it would be no known chemistry.
    """

    def __init__(self, graph: Chem.Mol) -> None:
        """``graph`` is sanitized, hydrogens implicit."""
        self.graph = graph
        self._plain = Chem.Mol(graph)
        Chem.Kekulize(self._plain, clearAromaticFlags=True)
        self._ranks = _symmetry_ranks(graph)
        self.parts = self._found()

    def without(self, absent: Collection[int]) -> str:
        """SMILES of the graph without these parts, by number; free valences are filled by hydrogen."""
        changed = Chem.RWMol(self._plain)
        for number in absent:
            for index in self.parts[number].bonds:
                _make_single(changed.GetBondWithIdx(index))
        for number in absent:
            for index in self.parts[number].atoms:
                _make_carbon(changed.GetAtomWithIdx(index))
        Chem.SanitizeMol(changed)
        return str(Chem.MolToSmiles(changed))

    def _found(self) -> tuple[GraphPart, ...]:
        groups = self._groups()
        taken: set[int] = set()
        parts = []
        for group in groups:
            bonds = self._bonds_of(group) - taken
            taken |= bonds
            if all(self._plain.GetAtomWithIdx(index).GetDegree() <= _MOST_NEIGHBOURS for index in group):
                ranks = tuple(sorted(self._ranks[index] for index in group))
                parts.append(GraphPart(tuple(sorted(group)), tuple(sorted(bonds)), tuple(sorted(group)), (0, *ranks)))
        return (*parts, *self._aromatic_systems(), *self._multiple_bonds(taken))

    def _groups(self) -> list[set[int]]:
        """Atoms that become carbon together."""
        charged = {atom.GetIdx() for atom in _atoms(self._plain) if atom.GetFormalCharge()}
        neutral, rest = [], set()
        for group in _connected(self._plain, charged):
            if sum(self._plain.GetAtomWithIdx(index).GetFormalCharge() for index in group):
                rest |= group
            else:
                neutral.append(group)
        single = [
            {atom.GetIdx()}
            for atom in _atoms(self._plain)
            if atom.GetAtomicNum() not in (0, 1, _CARBON) and atom.GetIdx() not in charged
        ]
        return [*single, *neutral, *([rest] if rest else [])]

    def _bonds_of(self, group: Collection[int]) -> set[int]:
        """Multiple bonds that an atom of unusual valence cannot lose alone."""
        found = set()
        for index in group:
            atom = self._plain.GetAtomWithIdx(index)
            if atom.GetFormalCharge() or _is_hypervalent(atom):
                found |= {bond.GetIdx() for bond in atom.GetBonds() if self._is_plain_multiple(bond)}
        return found

    def _multiple_bonds(self, taken: Collection[int]) -> list[GraphPart]:
        free = [b for b in self._plain.GetBonds() if self._is_plain_multiple(b) and b.GetIdx() not in taken]
        return [GraphPart((), (b.GetIdx(),), (b.GetIdx(),), (1, *self._bond_rank(b.GetIdx()))) for b in free]

    def _aromatic_systems(self) -> list[GraphPart]:
        aromatic = {atom.GetIdx() for atom in _atoms(self.graph) if atom.GetIsAromatic()}
        bonds = [bond for bond in self.graph.GetBonds() if bond.GetIsAromatic()]
        found = []
        for system in _connected(self.graph, aromatic, aromatic_only=True):
            own = tuple(bond.GetIdx() for bond in bonds if bond.GetBeginAtomIdx() in system)
            double = tuple(index for index in own if self._plain.GetBondWithIdx(index).GetBondType() in _MULTIPLE)
            rank = (2, *sorted(self._bond_rank(index) for index in own))
            found.append(GraphPart((), double, own, rank))
        return found

    def _is_plain_multiple(self, bond: Chem.Bond) -> bool:
        """Whether a bond is multiple and neither aromatic nor cut at an open end."""
        ends = (bond.GetBeginAtom().GetAtomicNum(), bond.GetEndAtom().GetAtomicNum())
        is_aromatic = self.graph.GetBondWithIdx(bond.GetIdx()).GetIsAromatic()
        return bond.GetBondType() in _MULTIPLE and not is_aromatic and 0 not in ends

    def _bond_rank(self, index: int) -> tuple[int, ...]:
        bond = self.graph.GetBondWithIdx(index)
        return tuple(sorted((self._ranks[bond.GetBeginAtomIdx()], self._ranks[bond.GetEndAtomIdx()])))


def _atoms(graph: Chem.Mol) -> Sequence[Chem.Atom]:
    return [graph.GetAtomWithIdx(index) for index in range(graph.GetNumAtoms())]


def _is_hypervalent(atom: Chem.Atom) -> bool:
    lowest = Chem.GetPeriodicTable().GetDefaultValence(atom.GetAtomicNum())
    return 0 < lowest < atom.GetTotalValence()


def _make_single(bond: Chem.Bond) -> None:
    bond.SetStereo(Chem.BondStereo.STEREONONE)
    bond.SetBondType(_SINGLE)
    for atom in (bond.GetBeginAtom(), bond.GetEndAtom()):
        atom.SetNoImplicit(False)


def _make_carbon(atom: Chem.Atom) -> None:
    atom.SetAtomicNum(_CARBON)
    atom.SetFormalCharge(0)
    atom.SetNumExplicitHs(0)
    atom.SetNumRadicalElectrons(0)
    atom.SetNoImplicit(False)
    atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)


def _connected(graph: Chem.Mol, atoms: Collection[int], *, aromatic_only: bool = False) -> list[set[int]]:
    """Groups of some atoms that bonds join."""
    left, groups = set(atoms), []
    while left:
        group, edge = set(), [min(left)]
        while edge:
            index = edge.pop()
            group.add(index)
            bonds = graph.GetAtomWithIdx(index).GetBonds()
            joined = {bond.GetOtherAtomIdx(index) for bond in bonds if bond.GetIsAromatic() or not aromatic_only}
            edge += sorted((joined & left) - group)
        left -= group
        groups.append(group)
    return groups


def _symmetry_ranks(graph: Chem.Mol) -> list[int]:
    """A number for each atom that equal atoms share; of a unit, those that are equal in the endless chain."""
    ends = [atom for atom in _atoms(graph) if not atom.GetAtomicNum()]
    if not ends:
        return list(Chem.CanonicalRankAtoms(graph, breakTies=False))
    n_atoms = graph.GetNumAtoms()
    ring = Chem.RWMol(graph)
    for _ in range(_COPIES - 1):
        ring.InsertMol(graph)
    (head, tail), order = (end.GetNeighbors()[0].GetIdx() for end in ends), ends[0].GetBonds()[0].GetBondType()
    for copy in range(_COPIES):
        ring.AddBond(tail + copy * n_atoms, head + (copy + 1) % _COPIES * n_atoms, order)
    # Open ends stay as isolated atoms, so that the others keep their numbers.
    for copy in range(_COPIES):
        for end in ends:
            bound = end.GetNeighbors()[0].GetIdx()
            ring.RemoveBond(end.GetIdx() + copy * n_atoms, bound + copy * n_atoms)
    joined = ring.GetMol()
    joined.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(joined)
    return list(Chem.CanonicalRankAtoms(joined, breakTies=False))[:n_atoms]
