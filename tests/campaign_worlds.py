"""Pools with a known answer: smooth functions of a few features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns import Knowledge, PoolBlocks

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
