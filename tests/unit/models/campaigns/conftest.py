"""Pools with a known answer: smooth functions of a few features."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.campaigns import Knowledge, Objective, PoolBlocks

Array = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A pool whose property is known everywhere."""

    pool: PoolBlocks
    values: Array

    def measured(self, candidates: NDArray[np.int64], **more: object) -> Knowledge:
        return Knowledge(candidates, {"y": self.values[candidates]}, **more)  # type: ignore[arg-type]


def make_world(n: int = 150, seed: int = 0) -> World:
    """Embeddings tell the property; descriptors tell nothing."""
    generator = np.random.default_rng(seed)
    embedding = generator.normal(size=(n, 4))
    descriptors = generator.normal(size=(n, 5))
    values = 3 * embedding[:, 0] + np.sin(2 * embedding[:, 1])
    return World(PoolBlocks.of({"descriptors": descriptors, "embedding": embedding}), values)


@pytest.fixture(scope="session")
def world() -> World:
    return make_world()


@pytest.fixture
def maximum() -> Objective:
    return Objective.parse("y:max", "eV")


@pytest.fixture(scope="session")
def spread() -> Callable[[int, int], NDArray[np.int64]]:
    def draw(n: int, n_pool: int = 150) -> NDArray[np.int64]:
        return np.random.default_rng(1).permutation(n_pool)[:n]

    return draw
