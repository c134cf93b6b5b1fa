"""Growth that needs no server: the forward pass, members of the ensemble, vectors of the nearest-neighbour index."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from epitaxy_models.backbones.fused import FusedBackbone
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.source_index.faiss_index import FaissIndex
from epitaxy_models.structures import Structure
from loadtest import corpus

_REPEATS = 3
_WIDTH, _NEIGHBOURS, _QUERIES = 32, 5, 64


def forward_ms(structures: Sequence[Structure]) -> float:
    """Processor milliseconds of the networks a structure, one thread: the part that an accelerator could take over."""
    graphs = [build_graph(structure) for structure in structures]
    embedder = Embedder(load_artifact(shipped_model()))
    return 1e3 * _seconds(lambda: embedder(graphs)) / len(graphs)


def member_growth(parquet: Path | None) -> list[dict[str, Any]]:
    """Milliseconds of one forward pass a structure, one thread, for one to five members of the shipped shape."""
    shape = load_artifact(shipped_model()).card.backbone
    graphs = [build_graph(structure) for structure in corpus.crystals(parquet, 96)]
    found = []
    for members in range(1, shape.n_members + 1):
        config = replace(shape, n_members=members)
        weights = {name: value.numpy() for name, value in StackedBackbone(config).state_dict().items()}
        network, batch = FusedBackbone(config, weights), collate(graphs)
        seconds = _seconds(lambda network=network, batch=batch: network(batch))  # type: ignore[misc]
        found.append({"members": members, "cpu_ms": round(1e3 * seconds / len(graphs), 4)})
    return found


def index_growth() -> list[dict[str, Any]]:
    """Milliseconds of one search for the nearest five, alone and of 64 at once, exact, over random vectors."""
    random = np.random.default_rng(0)
    queries = random.normal(size=(_QUERIES, _WIDTH)).astype(np.float32)
    found = []
    for size in (4_000, 16_000, 64_000, 256_000):
        index = FaissIndex(_WIDTH)
        index.add(np.arange(size), random.normal(size=(size, _WIDTH)).astype(np.float32))
        alone = _seconds(lambda index=index: index.search(queries[:1], _NEIGHBOURS))  # type: ignore[misc]
        many = _seconds(lambda index=index: index.search(queries, _NEIGHBOURS))  # type: ignore[misc]
        found.append({"vectors": size, "alone_ms": round(1e3 * alone, 3), "of_64_ms": round(1e3 * many / _QUERIES, 4)})
    return found


def _seconds(work: Callable[[], object]) -> float:
    """Median processor time, after one run that does not count."""
    work()
    times = []
    for _ in range(_REPEATS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return median(times)
