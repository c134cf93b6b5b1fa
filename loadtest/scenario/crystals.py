"""Crystals of a phase, and the requests drawn from them."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from epitaxy_models.structures import Structure
from epitaxy_models.testing.equivalent_cells import scaled
from loadtest import corpus
from loadtest.scenario.config import Crystals, Phase

# Sampled from a file, of which those that fit are kept.
_POOL = 20_000
# By how much a cold crystal is stretched or pressed, at least and at most.
_STRETCH = (0.001, 0.02)
# Steps of the golden ratio: n of them lie at least 0.38 / n apart, where n random ones would meet.
_GOLDEN_STEP = 0.6180339887498949


def crystals_of(wanted: Crystals, parquet: Path | None, seed: int, *, is_cold: bool = False) -> list[Structure]:
    """So many crystals within the bounds; cells that the source lacks are built from smaller ones.

    Where the source has too few, stretched copies of them, which are other crystals; for a cold phase they come
    several times as they are, for each of its draws is stretched anew.
    """
    random = np.random.default_rng(seed)
    fewest, most = wanted.sites
    pool = [
        s for s in corpus.crystals(parquet, max(_POOL, wanted.unique) if parquet else 557, seed) if s.n_sites <= most
    ]
    if wanted.spread_sizes:
        sizes = np.exp(random.uniform(np.log(fewest), np.log(most), wanted.unique))
        return [_of_size(pool, size, random, is_cold=is_cold) for size in sizes]
    fitting = [structure for structure in pool if structure.n_sites >= fewest]
    fitting = fitting or [_of_size(pool, fewest, random, is_cold=is_cold)]
    chosen = [fitting[row] for row in random.permutation(len(fitting))[: wanted.unique]]
    repeated = [fitting[row] for row in random.integers(len(fitting), size=wanted.unique - len(chosen))]
    return chosen + (repeated if is_cold else [corpus.strained(structure, random) for structure in repeated])


def _of_size(pool: list[Structure], size: float, random: np.random.Generator, *, is_cold: bool) -> Structure:
    """A crystal of about so many sites."""
    near = [structure for structure in pool if 0.75 <= structure.n_sites / size <= 1.35]
    if near:
        found = near[random.integers(len(near))]
        return found if is_cold else corpus.strained(found, random)
    smaller = [structure for structure in pool if structure.n_sites <= size] or pool
    return corpus.shaken_supercell(smaller[random.integers(len(smaller))], int(size), random)


class _Unseen:
    """Forms of crystals, each unlike the others: two that differ by less than some 1e-5 would be one to every cache.

    A crystal has room for some 500 forms; beyond them some meet.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._places: dict[bytes, float] = {}

    def form_of(self, structure: Structure) -> Structure:
        """The crystal stretched or pressed by a share that it has not had yet."""
        crystal = structure.content_digest()
        place = (self._places.get(crystal, self._random.random()) + _GOLDEN_STEP) % 1
        self._places[crystal] = place
        least, most = _STRETCH
        signed = 2 * place - 1
        return scaled(structure, 1 + math.copysign(least + abs(signed) * (most - least), signed))


def requests_of(phase: Phase, crystals: list[Structure], seed: int) -> Iterator[list[tuple[str, corpus.Triple]]]:
    """What each request holds, without end."""
    random = np.random.default_rng(seed)
    unseen = _Unseen(random)
    place = 0
    while True:
        if phase.crystals.order == "cycle":
            rows = [(place + step) % len(crystals) for step in range(phase.structures_per_request)]
            place += phase.structures_per_request
        else:
            rows = random.integers(len(crystals), size=phase.structures_per_request).tolist()
        drawn = [crystals[row] for row in rows]
        if phase.cache == "cold":
            drawn = [unseen.form_of(structure) for structure in drawn]
        yield corpus.named_triples(drawn)
