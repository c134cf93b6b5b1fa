"""The graph of a composition: its elements, each joined to all, with their shares as weights."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.rules import CompositionRule

# Kinds of edges, ``N_COMPOSITION_EDGES`` in all: from another element, and from the element itself.
_OTHER, _ITSELF = 0, 1
# A message sum near that of a crystal's atom, whose layers the network shares.
_WEIGHT_OF_ALL = 8.0


def build_composition_graph(shares: Mapping[int, float], key: str, rule: CompositionRule | None = None) -> CrystalGraph:
    """The graph of a composition.

    Args:
        shares: Atoms by atomic number, on any scale; all positive.
        key: Canonical key of the material, from which the graph's is made.
        rule: Resolution of shares; by default the shipped one.
    """
    numbers = sorted(shares)
    return _graph(numbers, [shares[number] for number in numbers], key, rule or CompositionRule())


def _graph(numbers: Sequence[int], amounts: Sequence[float], key: str, rule: CompositionRule) -> CrystalGraph:
    total = sum(amounts)
    parts = [max(round(amount / total * rule.parts), 1) for amount in amounts]
    whole = sum(parts)
    rows, sources, kinds = _all_joined(len(parts))
    weights = [_WEIGHT_OF_ALL * part / whole for part in parts]
    return CrystalGraph(
        atomic_numbers=np.array(numbers, dtype=np.uint8),
        multiplicities=np.array(parts, dtype=np.int32),
        rows=rows,
        sources=sources,
        distances=kinds,
        weights=np.array(weights * len(parts), dtype=np.float32),
        key=blake2b(key.encode(), digest_size=16).digest(),
    )


@lru_cache(maxsize=128)
def _all_joined(n: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Rows, sources and kinds of the edges of ``n`` nodes, each joined to all; compositions of ``n`` share them."""
    sources = np.tile(np.arange(n, dtype=np.int32), n)
    kinds = np.where(sources == np.repeat(np.arange(n), n), _ITSELF, _OTHER).astype(np.float32)
    return np.arange(0, n * n + 1, n, dtype=np.int32), sources, kinds
