"""Crystals of a phase, and the requests drawn from them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from epitaxy_models.structures import Structure
from loadtest import corpus
from loadtest.scenario.config import Crystals, Phase

# Sampled from a file, of which those that fit are kept.
_POOL = 20_000


def crystals_of(wanted: Crystals, parquet: Path | None, seed: int) -> list[Structure]:
    """So many different crystals within the bounds; cells that the source lacks are built from smaller ones."""
    random = np.random.default_rng(seed)
    fewest, most = wanted.sites
    pool = [
        s for s in corpus.crystals(parquet, max(_POOL, wanted.unique) if parquet else 557, seed) if s.n_sites <= most
    ]
    if wanted.spread_sizes:
        sizes = np.exp(random.uniform(np.log(fewest), np.log(most), wanted.unique))
        return [_of_size(pool, size, random) for size in sizes]
    fitting = [structure for structure in pool if structure.n_sites >= fewest]
    fitting = fitting or [_of_size(pool, fewest, random)]
    chosen = [fitting[row] for row in random.permutation(len(fitting))[: wanted.unique]]
    rest = wanted.unique - len(chosen)
    return chosen + [corpus.strained(fitting[row], random) for row in random.integers(len(fitting), size=rest)]


def _of_size(pool: list[Structure], size: float, random: np.random.Generator) -> Structure:
    """A crystal of about so many sites."""
    near = [structure for structure in pool if 0.75 <= structure.n_sites / size <= 1.35]
    if near:
        return corpus.strained(near[random.integers(len(near))], random)
    smaller = [structure for structure in pool if structure.n_sites <= size] or pool
    return corpus.shaken_supercell(smaller[random.integers(len(smaller))], int(size), random)


def requests_of(phase: Phase, crystals: list[Structure], seed: int) -> Iterator[list[tuple[str, corpus.Triple]]]:
    """What each request holds, without end."""
    random = np.random.default_rng(seed)
    place = 0
    while True:
        if phase.crystals.order == "cycle":
            rows = [(place + step) % len(crystals) for step in range(phase.structures_per_request)]
            place += phase.structures_per_request
        else:
            rows = random.integers(len(crystals), size=phase.structures_per_request).tolist()
        drawn = [crystals[row] for row in rows]
        if phase.cache == "cold":
            drawn = [corpus.strained(structure, random) for structure in drawn]
        yield corpus.named_triples(drawn)
