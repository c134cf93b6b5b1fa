"""Crystals to measure on: a Parquet's, or the bundled ones; and as many that no cache has seen as are wanted."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import Structure, structure_from_column
from epitaxy_models.testing.equivalent_cells import scaled

Triple = tuple[object, object, object]


def crystals(parquet: Path | None, size: int, seed: int = 0) -> list[Structure]:
    """A random sample; where the bundled crystals run out, strained copies of them, which are other crystals."""
    if parquet is not None:
        column = pd.read_parquet(parquet, columns=["structure"])["structure"]
        return [structure_from_column(text) for text in column.sample(min(size, len(column)), random_state=seed)]
    bundled = [crystal.structure for crystal in bundled_crystals()]
    random = np.random.default_rng(seed)
    copies = (
        structure if lap == 0 else strained(structure, random)
        for lap in range(1 + size // len(bundled))
        for structure in bundled
    )
    return [structure for structure, _ in zip(copies, range(size), strict=False)]


def pool(parquet: Path | None, size: int, seed: int = 1) -> list[Structure]:
    """So many crystals, all different: where a Parquet's run out, strained copies of them."""
    found = crystals(parquet, size, seed)
    random = np.random.default_rng(seed)
    return [*found, *(strained(found[row % len(found)], random) for row in range(size - len(found)))]


def dealt(structures: Sequence[Structure], hands: int) -> list[list[Structure]]:
    """Hands without a crystal in common and with the same mix of sizes, in random order each."""
    ordered = sorted(structures, key=lambda structure: structure.n_sites)
    random = np.random.default_rng(0)
    dealt_out = [ordered[hand::hands] for hand in range(hands)]
    return [[hand[place] for place in random.permutation(len(hand))] for hand in dealt_out]


def every(structures: Sequence[Structure], share: int) -> list[Structure]:
    """One in ``share``, with the same mix of sizes."""
    return sorted(structures, key=lambda structure: structure.n_sites)[share // 2 :: share]


def strained(structure: Structure, random: np.random.Generator) -> Structure:
    """The crystal stretched by up to two per cent: chemistry and cost stay, every cache misses."""
    return scaled(structure, 1 + random.uniform(-0.02, 0.02))


def shaken_supercell(structure: Structure, n_sites: int, random: np.random.Generator) -> Structure:
    """A supercell of about so many sites, each off its place by some 0.05 Å: no two atoms stay equal.

    Without the shaking, a supercell costs what its cell costs, which is a property of this product, not of its size.
    """
    times = np.ones(3, dtype=int)
    while structure.n_sites * int(times.prod()) * 2 <= n_sites * 1.4:
        # The shortest edge first: a needle has more neighbours in its images than any real cell.
        times[np.argmin(np.linalg.norm(structure.lattice, axis=1) * times)] *= 2
    shifts = np.stack(np.meshgrid(*[np.arange(n) for n in times], indexing="ij"), axis=-1).reshape(-1, 1, 3)
    frac = ((structure.frac_coords[None] + shifts) / times).reshape(-1, 3)
    lattice = structure.lattice * times[:, None]
    moved = frac + random.normal(scale=0.03, size=frac.shape) @ np.linalg.inv(lattice)
    return Structure(lattice, np.tile(structure.atomic_numbers, len(shifts)), moved % 1.0)


def triple(structure: Structure) -> Triple:
    """What the client packs."""
    return structure.lattice, structure.atomic_numbers, structure.frac_coords


def named_triples(structures: Sequence[Structure]) -> list[tuple[str, Triple]]:
    return [(f"s{row}", triple(structure)) for row, structure in enumerate(structures)]


def pymatgen_structure(structure: Structure) -> object:
    from pymatgen import core  # noqa: PLC0415 - takes seconds to load

    return core.Structure(core.Lattice(structure.lattice), structure.atomic_numbers.tolist(), structure.frac_coords)


def write_cifs(structures: Sequence[Structure], folder: Path) -> list[Path]:
    """One file a crystal, by pymatgen's writer without symmetry, the form in which most are passed around."""
    from pymatgen.io.cif import CifWriter  # noqa: PLC0415 - takes seconds to load

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row, structure in enumerate(structures):
            path = folder / f"{row:05d}.cif"
            path.write_text(str(CifWriter(pymatgen_structure(structure))))
            paths.append(path)
    return paths


def blocks(items: Sequence[object], size: int) -> Iterator[Sequence[object]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
