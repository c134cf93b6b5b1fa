"""The graph of a composition: its elements, each joined to all, with their shares as weights."""

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np

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
    numbers = np.array(sorted(shares), dtype=np.uint8)
    amounts = np.array([shares[int(z)] for z in numbers], dtype=np.float64)
    parts = np.maximum(np.rint(amounts / amounts.sum() * (rule or CompositionRule()).parts), 1).astype(np.int32)
    n = len(numbers)
    sources = np.tile(np.arange(n, dtype=np.int32), n)
    is_own = sources == np.repeat(np.arange(n), n)
    return CrystalGraph(
        atomic_numbers=numbers,
        multiplicities=parts,
        rows=np.arange(0, n * n + 1, n, dtype=np.int32),
        sources=sources,
        distances=np.where(is_own, _ITSELF, _OTHER).astype(np.float32),
        weights=np.tile(_WEIGHT_OF_ALL * parts / parts.sum(), n).astype(np.float32),
        key=blake2b(key.encode(), digest_size=16).digest(),
    )
