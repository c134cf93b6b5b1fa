"""Many structures in four flat arrays: the block of ``protos/epitaxy/common/v1/structure.proto``."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.intake import RefusalReason
from epitaxy_models.structures.structure import Structure

_BYTES_PER_COUNT = 4
_BYTES_PER_LATTICE = 9 * 8
_BYTES_PER_POSITION = 3 * 8


class PackedBlock(NamedTuple):
    """Little-endian arrays; structure i owns ``n_sites[i]`` consecutive entries of the per-site ones.

    Attributes:
        n_sites: uint32, shape ``[n_structures]``.
        lattices_angstrom: Row vectors, float64, shape ``[n_structures, 3, 3]``.
        atomic_numbers: uint8, shape ``[n_sites_total]``.
        frac_coords: float64, shape ``[n_sites_total, 3]``.
    """

    n_sites: bytes
    lattices_angstrom: bytes
    atomic_numbers: bytes
    frac_coords: bytes


def unpack_structures(
    n_sites: bytes, lattices_angstrom: bytes, atomic_numbers: bytes, frac_coords: bytes
) -> list[Structure]:
    """The structures of a block as read-only views of its bytes, not yet checked (see ``check_structure``).

    Raises InvalidStructureError (MALFORMED_BLOCK) where the lengths contradict each other.
    """
    n_structures, rest = divmod(len(n_sites), _BYTES_PER_COUNT)
    if rest:
        raise _malformed(f"n_sites has {len(n_sites)} bytes, no multiple of {_BYTES_PER_COUNT}")
    ends = np.cumsum(np.frombuffer(n_sites, dtype="<u4"), dtype=np.uint64).tolist()
    total = ends[-1] if ends else 0
    _check_length(
        "lattices_angstrom", lattices_angstrom, n_structures * _BYTES_PER_LATTICE, f"{n_structures} structures"
    )
    _check_length("atomic_numbers", atomic_numbers, total, f"{total} sites")
    _check_length("frac_coords", frac_coords, total * _BYTES_PER_POSITION, f"{total} sites")
    lattices = np.frombuffer(lattices_angstrom, dtype="<f8").reshape(-1, 3, 3)
    numbers = np.frombuffer(atomic_numbers, dtype=np.uint8)
    positions = np.frombuffer(frac_coords, dtype="<f8").reshape(-1, 3)
    begins = [0, *ends][:-1]
    return [
        Structure(lattice, numbers[begin:end], positions[begin:end])
        for lattice, begin, end in zip(lattices, begins, ends, strict=True)
    ]


def pack_structures(structures: Sequence[Structure]) -> PackedBlock:
    """The block that ``unpack_structures`` reads."""
    return PackedBlock(
        np.array([structure.n_sites for structure in structures], dtype="<u4").tobytes(),
        b"".join(structure.lattice.astype("<f8").tobytes() for structure in structures),
        b"".join(structure.atomic_numbers.astype(np.uint8).tobytes() for structure in structures),
        b"".join(structure.frac_coords.astype("<f8").tobytes() for structure in structures),
    )


def _check_length(name: str, content: bytes, expected: int, owner: str) -> None:
    if len(content) != expected:
        raise _malformed(f"{name} has {len(content)} bytes and {owner} take {expected}")


def _malformed(problem: str) -> InvalidStructureError:
    return InvalidStructureError(f"{problem}: pack the arrays anew", reason=RefusalReason.MALFORMED_BLOCK)
