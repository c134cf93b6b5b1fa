"""Atoms and bonds of SMILES that RDKit wrote: a compiled reader of its canonical form, for graphs of many molecules.

Asking RDKit for the properties of each atom and bond costs as much as all else that a molecule needs before the
network. Its canonical SMILES says the same: elements, charges, aromaticity, bonds, and hydrogens by the valence rules
of SMILES. Whatever goes beyond the common grammar (isotopes, dative bonds, several fragments) is left to RDKit: the
reader says so, and never guesses.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled
from epitaxy_models.structures.elements import SYMBOLS, symbol_of

SINGLE, DOUBLE, TRIPLE, AROMATIC = 0, 1, 2, 3
_IMPLIED = -1
_MOST_CLOSURES = 100
# Bond orders doubled: an aromatic bond counts one and a half.
_DOUBLED = (2, 4, 6, 3)
# What an atom without brackets may have bonds for, hydrogens included, as RDKit says.
_ORGANIC = {5: (3,), 6: (4,), 7: (3,), 8: (2,), 9: (1,), 15: (3, 5, 7), 16: (2, 4, 6), 17: (1,), 35: (1,)}
_ORGANIC[53] = (1, 3, 5)
_BRANCH, _JOIN, _TWO, _THREE, _RING, _ONE, _UP, _DOWN, _LONG, _ARROW = b"()=#:-/\\%>"
_OPEN, _CLOSE, _AT, _PLUS, _END, _H, _C, _L, _B, _R, _F, _I = b"[]@+*HClBrFI"
_ZERO, _NINE, _LOWER_A, _LOWER_Z, _TO_UPPER, _ASCII = ord("0"), ord("9"), ord("a"), ord("z"), 32, 128


def _symbol_table() -> NDArray[np.uint8]:
    """Atomic numbers by both letters of a symbol, the second one 0 if there is none, uint8 ``[128, 128]``."""
    table = np.zeros((_ASCII, _ASCII), dtype=np.uint8)
    for number in range(1, len(SYMBOLS) + 1):
        symbol = symbol_of(number)
        table[ord(symbol[0]), ord(symbol[1]) if len(symbol) > 1 else 0] = number
    return table


def _valence_table() -> NDArray[np.int64]:
    """Valences of atoms that are written without brackets, by atomic number, ascending; 0 where there are no more."""
    table = np.zeros((256, 3), dtype=np.int64)
    for number, valences in _ORGANIC.items():
        table[number, : len(valences)] = valences
    return table


_NUMBERS, _VALENCES = _symbol_table(), _valence_table()


class SmilesAtoms(NamedTuple):
    """Atoms and bonds of several SMILES, one after the other.

    Attributes:
        is_read: Whether each SMILES was understood, bool ``[n_smiles]``; of others nothing is to be used.
        atom_starts: First atom of each SMILES, int64 ``[n_smiles + 1]``.
        bond_starts: First bond of each SMILES, likewise.
        numbers: Atomic numbers, 0 for an open end, uint8 ``[n_atoms]``.
        charges: int8 ``[n_atoms]``.
        is_aromatic: bool ``[n_atoms]``, and so is ``is_in_ring``.
        degrees: Bonds of each atom, int16 ``[n_atoms]``.
        hydrogens: Hydrogen atoms on each atom that are not atoms of their own, int16 ``[n_atoms]``.
        ends: The two atoms of each bond, counted within its SMILES, int32 ``[n_bonds, 2]``.
        orders: ``SINGLE`` to ``AROMATIC``, uint8 ``[n_bonds]``.
        is_cyclic: Whether each bond is in a ring, bool ``[n_bonds]``.
    """

    is_read: NDArray[np.bool_]
    atom_starts: NDArray[np.int64]
    bond_starts: NDArray[np.int64]
    numbers: NDArray[np.uint8]
    charges: NDArray[np.int8]
    is_aromatic: NDArray[np.bool_]
    is_in_ring: NDArray[np.bool_]
    degrees: NDArray[np.int16]
    hydrogens: NDArray[np.int16]
    ends: NDArray[np.int32]
    orders: NDArray[np.uint8]
    is_cyclic: NDArray[np.bool_]


def read_smiles_atoms(smiles: list[str]) -> SmilesAtoms:
    """Reads SMILES that RDKit wrote."""
    encoded = [text.encode(errors="replace") for text in smiles]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    # A copy: kernels meet one kind of array.
    text = np.frombuffer(b"".join(encoded), dtype=np.uint8).copy()
    n, n_most = len(encoded), len(text)
    found = SmilesAtoms(
        np.zeros(n, np.bool_),
        np.zeros(n + 1, np.int64),
        np.zeros(n + 1, np.int64),
        np.zeros(n_most, np.uint8),
        np.zeros(n_most, np.int8),
        np.zeros(n_most, np.bool_),
        np.zeros(n_most, np.bool_),
        np.zeros(n_most, np.int16),
        np.zeros(n_most, np.int16),
        np.zeros((n_most, 2), np.int32),
        np.zeros(n_most, np.uint8),
        np.zeros(n_most, np.bool_),
    )
    _read_all(text, offsets, _NUMBERS, _VALENCES, *found)
    return found


@compiled()
def _read_all(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    numbers_of: NDArray[np.uint8],
    valences_of: NDArray[np.int64],
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
) -> None:
    for row in range(len(offsets) - 1):
        first, bond = atom_starts[row], bond_starts[row]
        n_atoms, n_bonds = _read_one(
            text[offsets[row] : offsets[row + 1]],
            numbers_of,
            valences_of,
            numbers[first:],
            charges[first:],
            is_aromatic[first:],
            hydrogens[first:],
            ends[bond:],
            orders[bond:],
            is_cyclic[bond:],
        )
        is_read[row] = n_atoms > 0
        stop, last_bond = first + n_atoms, bond + n_bonds
        atom_starts[row + 1], bond_starts[row + 1] = stop, last_bond
        _mark_rings(ends[bond:last_bond], is_in_ring[first:stop], is_cyclic[bond:last_bond], degrees[first:stop])
        _add_hydrogens(
            valences_of,
            numbers[first:stop],
            is_aromatic[first:stop],
            ends[bond:last_bond],
            orders[bond:last_bond],
            hydrogens[first:stop],
        )


@compiled()
def _read_one(  # noqa: C901, PLR0911, PLR0912, PLR0915  # one pass over the text, one branch a mark of the grammar
    text: NDArray[np.uint8],
    numbers_of: NDArray[np.uint8],
    valences_of: NDArray[np.int64],
    numbers: NDArray[np.uint8],
    charges: NDArray[np.int8],
    is_aromatic: NDArray[np.bool_],
    hydrogens: NDArray[np.int16],
    ends: NDArray[np.int32],
    orders: NDArray[np.uint8],
    closes_ring: NDArray[np.bool_],
) -> tuple[int, int]:
    """Numbers of atoms and bonds; none for what is left to RDKit. Hydrogens that are implied stay ``_IMPLIED``."""
    branches = np.empty(len(text) + 1, dtype=np.int64)
    open_atoms = np.full(_MOST_CLOSURES, -1, dtype=np.int64)
    open_orders = np.full(_MOST_CLOSURES, _IMPLIED, dtype=np.int64)
    n_atoms = n_bonds = n_branches = n_open = place = 0
    last, order = -1, _IMPLIED
    while place < len(text):
        mark, closure, is_atom = int(text[place]), -1, False
        after = int(text[place + 1]) if place + 1 < len(text) else 0
        if mark == _BRANCH:
            branches[n_branches] = last
            n_branches += 1
        elif mark == _JOIN:
            if n_branches == 0:
                return 0, 0
            n_branches -= 1
            last = branches[n_branches]
        elif mark in (_TWO, _THREE, _RING, _ONE, _UP, _DOWN):
            if order != _IMPLIED or after == _ARROW:
                return 0, 0
            order = DOUBLE if mark == _TWO else TRIPLE if mark == _THREE else AROMATIC if mark == _RING else SINGLE
        elif _ZERO <= mark <= _NINE:
            closure = mark - _ZERO
        elif mark == _LONG:
            units = int(text[place + 2]) if place + 2 < len(text) else 0
            if not (_ZERO <= after <= _NINE and _ZERO <= units <= _NINE):
                return 0, 0
            closure = 10 * (after - _ZERO) + units - _ZERO
            place += 2
        else:
            if mark == _OPEN:
                place = _read_bracket(text, place + 1, n_atoms, numbers_of, numbers, charges, is_aromatic, hydrogens)
            else:
                place = _read_bare(
                    text, place, n_atoms, numbers_of, valences_of, numbers, charges, is_aromatic, hydrogens
                )
            if place < 0:
                return 0, 0
            is_atom = True
        if is_atom:
            if last >= 0:
                ends[n_bonds, 0], ends[n_bonds, 1] = last, n_atoms
                orders[n_bonds] = _order(order, is_aromatic[last], is_aromatic[n_atoms])
                closes_ring[n_bonds] = False
                n_bonds += 1
            elif n_atoms > 0:
                return 0, 0
            last, order = n_atoms, _IMPLIED
            n_atoms += 1
        elif closure >= 0:
            if last < 0:
                return 0, 0
            other = open_atoms[closure]
            if other < 0:
                open_atoms[closure], open_orders[closure] = last, order
                n_open += 1
            else:
                stated = order if order != _IMPLIED else open_orders[closure]
                ends[n_bonds, 0], ends[n_bonds, 1] = other, last
                orders[n_bonds] = _order(stated, is_aromatic[other], is_aromatic[last])
                closes_ring[n_bonds] = True
                n_bonds += 1
                open_atoms[closure] = -1
                n_open -= 1
            order = _IMPLIED
        place += 1
    if n_open or n_branches or order != _IMPLIED:
        return 0, 0
    return n_atoms, n_bonds


@compiled()
def _order(stated: int, is_first_aromatic: bool, is_second_aromatic: bool) -> int:
    if stated != _IMPLIED:
        return stated
    return AROMATIC if is_first_aromatic and is_second_aromatic else SINGLE


@compiled()
def _read_bare(
    text: NDArray[np.uint8],
    place: int,
    atom: int,
    numbers_of: NDArray[np.uint8],
    valences_of: NDArray[np.int64],
    numbers: NDArray[np.uint8],
    charges: NDArray[np.int8],
    is_aromatic: NDArray[np.bool_],
    hydrogens: NDArray[np.int16],
) -> int:
    """An atom without brackets; the place of its last letter, or -1."""
    mark = int(text[place])
    after = int(text[place + 1]) if place + 1 < len(text) else 0
    charges[atom], is_aromatic[atom], hydrogens[atom] = 0, False, _IMPLIED
    if mark == _END:
        numbers[atom] = 0
        return place
    if (mark == _C and after == _L) or (mark == _B and after == _R):
        numbers[atom] = numbers_of[mark, after]
        return place + 1
    is_lower = _LOWER_A <= mark <= _LOWER_Z
    letter = mark - _TO_UPPER if is_lower else mark
    if letter >= _ASCII or (is_lower and letter in (_F, _I)):
        return -1
    number = numbers_of[letter, 0]
    if valences_of[number, 0] == 0:
        return -1
    numbers[atom], is_aromatic[atom] = number, is_lower
    return place


@compiled()
def _read_bracket(
    text: NDArray[np.uint8],
    place: int,
    atom: int,
    numbers_of: NDArray[np.uint8],
    numbers: NDArray[np.uint8],
    charges: NDArray[np.int8],
    is_aromatic: NDArray[np.bool_],
    hydrogens: NDArray[np.int16],
) -> int:
    """An atom in brackets, from its symbol on; the place of the closing one, or -1 for isotopes, maps and the like."""
    n = len(text)
    if place + 1 >= n or text[place] >= _ASCII or text[place + 1] >= _ASCII:
        return -1
    mark, after = int(text[place]), int(text[place + 1])
    is_lower = _LOWER_A <= mark <= _LOWER_Z
    letter = mark - _TO_UPPER if is_lower else mark
    number = int(numbers_of[letter, after]) if _LOWER_A <= after <= _LOWER_Z else 0
    place += 2
    if number == 0:
        number, place = int(numbers_of[letter, 0]), place - 1
    if number == 0:
        return -1
    while place < n and text[place] == _AT:
        place += 1
    count, charge = 0, 0
    if place < n and text[place] == _H:
        place, count = place + 1, 1
        if place < n and _ZERO <= text[place] <= _NINE:
            place, count = place + 1, int(text[place]) - _ZERO
    if place < n and (text[place] == _PLUS or text[place] == _ONE):
        charge = 1 if text[place] == _PLUS else -1
        place += 1
        if place < n and _ZERO < text[place] <= _NINE:
            place, charge = place + 1, charge * (int(text[place]) - _ZERO)
    if place >= n or text[place] != _CLOSE:
        return -1
    numbers[atom], charges[atom], is_aromatic[atom], hydrogens[atom] = number, charge, is_lower, count
    return place


@compiled()
def _mark_rings(
    ends: NDArray[np.int32], is_in_ring: NDArray[np.bool_], is_cyclic: NDArray[np.bool_], degrees: NDArray[np.int16]
) -> None:
    """Marks what lies on a cycle: bonds that close rings, marked already, and the tree's way between their ends."""
    n, n_bonds = len(is_in_ring), len(ends)
    parents, reached_by = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    depths = np.zeros(n, dtype=np.int64)
    closures = np.empty(n_bonds, dtype=np.int64)
    n_closures = 0
    degrees[:] = 0
    is_in_ring[:] = False
    for bond in range(n_bonds):
        one, two = ends[bond, 0], ends[bond, 1]
        degrees[one] += 1
        degrees[two] += 1
        if is_cyclic[bond]:
            closures[n_closures] = bond
            n_closures += 1
        else:
            parents[two], reached_by[two], depths[two] = one, bond, depths[one] + 1
    for number in range(n_closures):
        low, high = np.int64(ends[closures[number], 0]), np.int64(ends[closures[number], 1])
        while low != high:
            if depths[low] < depths[high]:
                low, high = high, low
            is_cyclic[reached_by[low]] = True
            low = parents[low]
    for bond in range(n_bonds):
        if is_cyclic[bond]:
            is_in_ring[ends[bond, 0]] = is_in_ring[ends[bond, 1]] = True


@compiled()
def _add_hydrogens(
    valences_of: NDArray[np.int64],
    numbers: NDArray[np.uint8],
    is_aromatic: NDArray[np.bool_],
    ends: NDArray[np.int32],
    orders: NDArray[np.uint8],
    hydrogens: NDArray[np.int16],
) -> None:
    """Fills up the valences of atoms that are written without brackets; an aromatic atom has its lowest valence."""
    doubled = np.zeros(len(numbers), dtype=np.int64)
    for bond in range(len(ends)):
        doubled[ends[bond, 0]] += _DOUBLED[orders[bond]]
        doubled[ends[bond, 1]] += _DOUBLED[orders[bond]]
    for atom in range(len(numbers)):
        if hydrogens[atom] != _IMPLIED:
            continue
        used, hydrogens[atom] = doubled[atom] // 2, 0
        for choice in range(1 if is_aromatic[atom] else 3):
            valence = valences_of[numbers[atom], choice]
            if valence >= used:
                hydrogens[atom] = valence - used
                break
