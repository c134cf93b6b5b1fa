"""The graph of a molecule, or of the endless chain of a repeat unit, as a message-passing network sees it."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from rdkit.Chem import Atom, BondType, Mol

from epitaxy_models.errors import UnsupportedElementError
from epitaxy_models.graphs.atom_kinds import HUB, AtomKinds, known_symbols, shipped_kinds
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.rules import MoleculeRule

# Kinds of edges, ``N_MOLECULE_EDGES`` in all. A bond's order, plus four if it is in a ring; then
# to the hub, from it, and the hub's own.
_ORDERS = {BondType.SINGLE: 0, BondType.DOUBLE: 1, BondType.TRIPLE: 2, BondType.AROMATIC: 3}
IN_RING = 4
TO_HUB, FROM_HUB, SIZE = 8, 9, 10
# The mean over atoms weighs as much as four bonds.
HUB_SCALE = 4.0


def shipped_rule() -> MoleculeRule:
    """The rule of the shipped table of kinds."""
    return MoleculeRule(len(shipped_kinds()))


def build_molecule_graph(molecule: Mol, key: str, kinds: AtomKinds | None = None) -> CrystalGraph:
    """The graph of a molecule.

    Args:
        molecule: Sanitized, without explicit hydrogen atoms.
        key: Canonical key of the material, from which the graph's is made.
        kinds: Table of kinds; by default the shipped one.

    Raises UnsupportedElementError for an element that the table does not have.
    """
    nodes = _Nodes(kinds or shipped_kinds())
    nodes.add(molecule, 1)
    return nodes.graph(key, is_chain=False)


def build_chain_graph(
    units: Sequence[Mol], amounts: Sequence[int], key: str, kinds: AtomKinds | None = None
) -> CrystalGraph:
    """The graph of a polymer: each repeat unit as an endless chain, and one hub for all of them.

    Args:
        units: Sanitized units, each with two dummy atoms where it goes on.
        amounts: How often each unit occurs, on any scale.
        key: Canonical key of the material, from which the graph's is made.
        kinds: Table of kinds; by default the shipped one.

    Raises UnsupportedElementError for an element that the table does not have.
    """
    nodes = _Nodes(kinds or shipped_kinds())
    for unit, amount in zip(units, amounts, strict=True):
        nodes.add(unit, amount)
    return nodes.graph(key, is_chain=True)


class _Nodes:
    """Atoms and bonds while a graph grows."""

    def __init__(self, kinds: AtomKinds) -> None:
        self._kinds = kinds
        self._numbers: list[int] = []
        self._amounts: list[int] = []
        # Neighbour and kind of edge of every atom.
        self._near: list[list[tuple[int, int]]] = []

    def add(self, molecule: Mol, amount: int) -> None:
        """Adds a molecule, or a unit whose two ends are joined."""
        place: dict[int, int] = {}
        # An index at a time: RDKit's own sequence asks for its length at every step.
        for index in range(molecule.GetNumAtoms()):
            atom = molecule.GetAtomWithIdx(index)
            if atom.GetAtomicNum():
                place[index] = len(self._numbers)
                self._numbers.append(_kind_number(atom, self._kinds))
        n_added = len(place)
        self._amounts += [amount] * n_added
        self._near += [[] for _ in range(n_added)]
        self._join(molecule, place)

    def _join(self, molecule: Mol, place: dict[int, int]) -> None:
        ends: list[tuple[int, int]] = []
        for index in range(molecule.GetNumBonds()):
            bond = molecule.GetBondWithIdx(index)
            one, two = place.get(bond.GetBeginAtomIdx()), place.get(bond.GetEndAtomIdx())
            order = _ORDERS.get(bond.GetBondType(), 0)
            if one is not None and two is not None:
                self._bond(one, two, order + IN_RING * bond.IsInRing())
            elif one is not None or two is not None:
                ends.append((two if one is None else one, order))  # type: ignore[arg-type]  # one of them is an atom
        if ends:
            (head, order), (tail, _) = ends
            self._bond(head, tail, order)

    def _bond(self, one: int, two: int, kind: int) -> None:
        self._near[one].append((two, kind))
        self._near[two].append((one, kind))

    def graph(self, key: str, *, is_chain: bool) -> CrystalGraph:
        """What has been added, with the hub as its last node."""
        hub = len(self._numbers)
        sources, edges, degrees = [], [], []
        for neighbours in self._near:
            for source, kind in neighbours:
                sources.append(source)
                edges.append(kind)
            sources.append(hub)
            edges.append(FROM_HUB)
            degrees.append(len(neighbours) + 1)
        shares = np.array(self._amounts, dtype=np.float64)
        shares *= HUB_SCALE / shares.sum()
        to_hub = [*shares.tolist(), 0.0 if is_chain else HUB_SCALE / hub]
        return CrystalGraph(
            atomic_numbers=np.array([*self._numbers, HUB], dtype=np.uint8),
            multiplicities=np.array([*self._amounts, 0], dtype=np.int32),
            rows=np.cumsum([0, *degrees, hub + 1], dtype=np.int32),
            sources=np.array([*sources, *range(hub), hub], dtype=np.int32),
            distances=np.array([*edges, *([TO_HUB] * hub), SIZE], dtype=np.float32),
            weights=np.array([*([1.0] * len(sources)), *to_hub], dtype=np.float32),
            key=blake2b(key.encode(), digest_size=16).digest(),
        )


def _kind_number(atom: Atom, kinds: AtomKinds) -> int:
    number = kinds.number_of(atom)
    if number is None:
        raise UnsupportedElementError(
            f"the molecular substrate knows no {atom.GetSymbol()}: it knows {', '.join(known_symbols(kinds))}",
            reason="UNSUPPORTED_ELEMENT",
        )
    return number
