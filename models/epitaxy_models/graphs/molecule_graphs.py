"""Graphs of many molecules and chains at once, from the canonical SMILES that are their keys.

What ``molecule_graph`` builds atom by atom from RDKit's objects, in a small part of the time. It stays the definition:
what the compiled reader leaves out, and refusals, are built there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled
from epitaxy_models.graphs.atom_kinds import HUB, MAX_CODED, AtomKinds, shipped_kinds
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.molecule_graph import FROM_HUB, HUB_SCALE, IN_RING, SIZE, TO_HUB
from epitaxy_models.graphs.smiles_atoms import SmilesAtoms, read_smiles_atoms


@dataclass(frozen=True, slots=True)
class WrittenMaterial:
    """A molecule or a chain as RDKit's canonical SMILES write it.

    Attributes:
        key: Canonical key of the material, from which the graph's is made.
        units: Canonical SMILES: the molecule, or the repeat units with two open ends each.
        amounts: How often each unit occurs, on any scale.
        is_chain: Whether the units have open ends.
    """

    key: str
    units: tuple[str, ...]
    amounts: tuple[int, ...] = (1,)
    is_chain: bool = False


class _Arrays(NamedTuple):
    """Graphs one after the other, in local numbers; a graph without nodes was left out.

    Attributes:
        node_starts: int64 ``[n_graphs + 1]``, and so are ``edge_starts``.
        kinds: uint8 ``[n_nodes]``.
        amounts: int32 ``[n_nodes]``.
        rows: int32 ``[n_nodes + n_graphs]``.
        sources: int32 ``[n_edges]``.
        edges: float32 ``[n_edges]``, and so are ``weights``.
    """

    node_starts: NDArray[np.int64]
    edge_starts: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    amounts: NDArray[np.int32]
    rows: NDArray[np.int32]
    sources: NDArray[np.int32]
    edges: NDArray[np.float32]
    weights: NDArray[np.float32]


def build_molecule_graphs(
    materials: Sequence[WrittenMaterial], kinds: AtomKinds | None = None
) -> list[CrystalGraph | None]:
    """The graph of each material; None for one that is left to ``molecule_graph``."""
    atoms = read_smiles_atoms([unit for material in materials for unit in material.units])
    unit_starts = np.zeros(len(materials) + 1, dtype=np.int64)
    np.cumsum([len(material.units) for material in materials], out=unit_starts[1:])
    amounts = np.array([amount for material in materials for amount in material.amounts], dtype=np.int64)
    are_chains = np.array([material.is_chain for material in materials], dtype=np.bool_)
    arrays = _room_for(atoms, len(materials))
    codes, numbers, rare = (kinds or shipped_kinds()).coded
    _assemble(*atoms, unit_starts, amounts, are_chains, codes, numbers, rare, *arrays)
    return [_graph(arrays, row, material.key) for row, material in enumerate(materials)]


def _room_for(atoms: SmilesAtoms, n_graphs: int) -> _Arrays:
    n_atoms, n_bonds = int(atoms.atom_starts[-1]), int(atoms.bond_starts[-1])
    n_nodes, n_edges = n_atoms + n_graphs, 2 * (n_bonds + n_atoms) + n_graphs
    starts = np.zeros((2, n_graphs + 1), dtype=np.int64)
    of_nodes, of_edges = np.empty(n_nodes, dtype=np.int32), np.empty((2, n_edges), dtype=np.float32)
    return _Arrays(
        starts[0],
        starts[1],
        np.empty(n_nodes, dtype=np.uint8),
        of_nodes,
        np.empty(n_nodes + n_graphs, dtype=np.int32),
        np.empty(n_edges, dtype=np.int32),
        of_edges[0],
        of_edges[1],
    )


def _graph(arrays: _Arrays, row: int, key: str) -> CrystalGraph | None:
    first, stop = int(arrays.node_starts[row]), int(arrays.node_starts[row + 1])
    if stop == first:
        return None
    nodes, edges = slice(first, stop), slice(int(arrays.edge_starts[row]), int(arrays.edge_starts[row + 1]))
    # Copies: one graph that is kept would keep all of them.
    return CrystalGraph(
        atomic_numbers=arrays.kinds[nodes].copy(),
        multiplicities=arrays.amounts[nodes].copy(),
        rows=arrays.rows[first + row : stop + row + 1].copy(),
        sources=arrays.sources[edges].copy(),
        distances=arrays.edges[edges].copy(),
        weights=arrays.weights[edges].copy(),
        key=blake2b(key.encode(), digest_size=16).digest(),
    )


@compiled()
def _assemble(
    is_read: NDArray[np.bool_],
    atom_starts: NDArray[np.int64],
    bond_starts: NDArray[np.int64],
    numbers: NDArray[np.uint8],
    charges: NDArray[np.int8],
    is_aromatic: NDArray[np.bool_],
    is_in_ring: NDArray[np.bool_],
    degrees: NDArray[np.int16],
    hydrogens: NDArray[np.int16],
    ends: NDArray[np.int32],
    orders: NDArray[np.uint8],
    is_cyclic: NDArray[np.bool_],
    unit_starts: NDArray[np.int64],
    unit_amounts: NDArray[np.int64],
    are_chains: NDArray[np.bool_],
    codes: NDArray[np.int64],
    coded_kinds: NDArray[np.uint8],
    rare: NDArray[np.uint8],
    node_starts: NDArray[np.int64],
    edge_starts: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    amounts: NDArray[np.int32],
    rows: NDArray[np.int32],
    sources: NDArray[np.int32],
    edges: NDArray[np.float32],
    weights: NDArray[np.float32],
) -> None:
    n_most = len(numbers)
    place = np.empty(n_most, dtype=np.int64)
    bonds = np.empty((n_most + len(are_chains), 3), dtype=np.int64)
    for row in range(len(are_chains)):
        first, edge = node_starts[row], edge_starts[row]
        node_starts[row + 1], edge_starts[row + 1] = first, edge
        n = n_bonds = 0
        is_whole = True
        for unit in range(unit_starts[row], unit_starts[row + 1]):
            is_whole &= is_read[unit]
            atom0 = atom_starts[unit]
            for atom in range(atom0, atom_starts[unit + 1]):
                place[atom - atom0] = -1
                if numbers[atom] == 0:
                    continue
                code = (
                    numbers[atom],
                    charges[atom],
                    is_aromatic[atom],
                    is_in_ring[atom],
                    degrees[atom],
                    hydrogens[atom],
                )
                kind = _kind(code, codes, coded_kinds, rare)
                is_whole &= kind != HUB
                kinds[first + n], amounts[first + n] = kind, unit_amounts[unit]
                place[atom - atom0] = n
                n += 1
            n_ends, head, tail, joint = 0, -1, -1, 0
            for bond in range(bond_starts[unit], bond_starts[unit + 1]):
                one, two = place[ends[bond, 0]], place[ends[bond, 1]]
                if one >= 0 and two >= 0:
                    bonds[n_bonds] = one, two, orders[bond] + IN_RING * is_cyclic[bond]
                    n_bonds += 1
                elif one >= 0 or two >= 0:
                    n_ends += 1
                    head, tail = tail, max(one, two)
                    joint = orders[bond] if n_ends == 1 else joint
            is_whole &= n_ends == (2 if are_chains[row] else 0)
            if n_ends == 2:
                bonds[n_bonds] = head, tail, joint
                n_bonds += 1
        if not is_whole or n == 0:
            continue
        _fill(
            bonds[:n_bonds],
            are_chains[row],
            amounts[first : first + n + 1],
            rows[first + row : first + row + n + 2],
            sources[edge:],
            edges[edge:],
            weights[edge:],
        )
        kinds[first + n] = HUB
        node_starts[row + 1] = first + n + 1
        edge_starts[row + 1] = edge + rows[first + row + n + 1]


@compiled()
def _kind(
    atom: tuple[int, int, bool, bool, int, int],
    codes: NDArray[np.int64],
    coded_kinds: NDArray[np.uint8],
    rare: NDArray[np.uint8],
) -> int:
    """Number of an atom's kind; that of the hub for one that the table cannot tell."""
    number, charge, is_aromatic, is_in_ring, degree, n_hydrogens = atom
    code = np.int64(number) * 2 + np.int64(is_aromatic)
    code = code * 2 + np.int64(is_in_ring)
    for part in (np.int64(charge) + MAX_CODED // 2, np.int64(degree), np.int64(n_hydrogens)):
        if part < 0 or part >= MAX_CODED:
            return HUB
        code = code * MAX_CODED + part
    at = np.searchsorted(codes, code)
    if at < len(codes) and codes[at] == code:
        return int(coded_kinds[at])
    return int(rare[number])


@compiled()
def _fill(
    bonds: NDArray[np.int64],
    is_chain: bool,
    amounts: NDArray[np.int32],
    rows: NDArray[np.int32],
    sources: NDArray[np.int32],
    edges: NDArray[np.float32],
    weights: NDArray[np.float32],
) -> None:
    """Edges by receiving node: an atom's bonds in their order, then the hub's; the hub is the last node."""
    n = len(amounts) - 1
    amounts[n] = 0
    rows[:] = 0
    for bond in range(len(bonds)):
        rows[bonds[bond, 0] + 1] += 1
        rows[bonds[bond, 1] + 1] += 1
    for node in range(n):
        rows[node + 1] += rows[node] + 1
    rows[n + 1] = rows[n] + n + 1
    next_edge = rows[:n].copy()
    for bond in range(len(bonds)):
        for end in range(2):
            node = bonds[bond, end]
            edge = next_edge[node]
            sources[edge], edges[edge], weights[edge] = bonds[bond, 1 - end], bonds[bond, 2], 1.0
            next_edge[node] += 1
    total = amounts[:n].astype(np.float64).sum()
    for node in range(n):
        edge = next_edge[node]
        sources[edge], edges[edge], weights[edge] = n, FROM_HUB, 1.0
        edge = rows[n] + node
        sources[edge], edges[edge], weights[edge] = node, TO_HUB, HUB_SCALE / total * amounts[node]
    edge = rows[n] + n
    sources[edge], edges[edge], weights[edge] = n, SIZE, 0.0 if is_chain else HUB_SCALE / n
