"""What each stage of a prediction costs in this process, one thread: ``python -m loadtest.stages [--parquet FILE]``.

CPU time, medians of repeats in one run; machine and versions are recorded with the figures. Without a Parquet of
structures the bundled crystals are used.
"""

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch

from epitaxy.prediction.cache.codec import decode_embedding, encode_embedding
from epitaxy.prediction.domain import Accepted, Answer, BlockAnswer, Query
from epitaxy.prediction.messages import BlockEncoder
from epitaxy_models.backbones import messages
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.data.crystals import bundled_crystals, write_cifs
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import build_full_graph, build_graph
from epitaxy_models.review import DEFAULT_POLICY
from epitaxy_models.structures import Structure, TextFormat, check_structure, read_text, structure_from_column

_REPEATS = 5
_BATCH = 128


def sample(parquet: Path | None, size: int) -> list[Structure]:
    if parquet is None:
        return [crystal.structure for crystal in bundled_crystals()][:size]
    column = pd.read_parquet(parquet, columns=["structure"])["structure"]
    return [structure_from_column(text) for text in column.sample(min(size, len(column)), random_state=0)]


def microseconds(work: Callable[[], object], count: int) -> float:
    """Median CPU microseconds an item, after one run that is not counted."""
    work()
    times = []
    for _ in range(_REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return round(median(times) / count * 1e6, 2)


def stage_costs(structures: list[Structure], folder: Path) -> dict[str, float]:
    artifact = load_artifact(shipped_model())
    embedder, readout, encoder = Embedder(artifact), CalibratedReadout(artifact), BlockEncoder(artifact)
    graphs = [build_graph(structure) for structure in structures]
    blocks = [graphs[start : start + _BATCH] for start in range(0, len(graphs), _BATCH)]
    embeddings = np.concatenate([embedder(block) for block in blocks])
    prediction = readout(embeddings, structures, DEFAULT_COVERAGE)
    accepted = [Accepted(structure, (), structure.content_digest()) for structure in structures]
    answers = tuple(Answer(str(row), entry, row) for row, entry in enumerate(accepted))
    names = [entry.definition.name for entry in artifact.card.properties]
    elements = [structure.atomic_numbers for structure in structures]
    reviews = DEFAULT_POLICY.judge(elements, prediction.domains, names, prediction.judged_widths)
    block = BlockAnswer(answers, prediction, reviews)
    query = Query(tuple(range(len(artifact.card.properties))))
    key = graphs[0].key
    entries = [encode_embedding(key, embedding) for embedding in embeddings]
    shape = embeddings.shape[1:]
    files = [path for path in write_cifs(folder) if path.suffix == ".cif"][: max(50, len(structures))]
    texts = [path.read_text() for path in files]
    count = len(structures)
    return {
        "read_cif (bundled)": microseconds(lambda: [read_text(t, TextFormat.CIF) for t in texts], len(texts)),
        "check_structure": microseconds(lambda: [check_structure(s) for s in structures], count),
        "content_digest": microseconds(lambda: [s.content_digest() for s in structures], count),
        "measure_geometry": microseconds(lambda: artifact.geometry.features(structures), count),
        "build_graph": microseconds(lambda: [build_graph(s) for s in structures], count),
        "embed (all members)": microseconds(lambda: [embedder(block) for block in blocks], count),
        "readout": microseconds(lambda: readout(embeddings, structures, DEFAULT_COVERAGE), count),
        "review": microseconds(
            lambda: DEFAULT_POLICY.judge(elements, prediction.domains, names, prediction.judged_widths), count
        ),
        "encode_reply": microseconds(lambda: encoder.results(block, query, 0), count),
        "encode_cache_entry": microseconds(lambda: [encode_embedding(key, e) for e in embeddings], count),
        "decode_cache_entry": microseconds(lambda: [decode_embedding(key, e, shape) for e in entries], count),
    }


def graph_sizes(structures: list[Structure]) -> dict[str, float]:
    full = [build_full_graph(structure) for structure in structures]
    quotient = [build_graph(structure) for structure in structures]
    return {
        "sites": float(np.mean([g.n_nodes for g in full])),
        "edges": float(np.mean([g.n_edges for g in full])),
        "quotient_nodes": float(np.mean([g.n_nodes for g in quotient])),
        "quotient_edges": float(np.mean([g.n_edges for g in quotient])),
    }


def kernel_ratios(structures: list[Structure]) -> dict[str, float]:
    """Fused kernel against plain tensor operations: nanoseconds an edge and member, forward, and the ratios."""
    artifact = load_artifact(shipped_model())
    config = artifact.card.backbone
    graph = to_tensors(collate([build_graph(structure) for structure in structures[:_BATCH]]), config)
    network = StackedBackbone(config).eval()
    layer = network.layers[0]
    states = network.species[:, graph.atomic_numbers].detach()
    inputs = (
        torch.bmm(states, layer.to_centre),
        torch.bmm(states, layer.to_neighbour),
        torch.matmul(network.radial_grid, layer.to_filter),
    )
    leaves = [value.detach().requires_grad_() for value in inputs]
    edges = (graph.rows, graph.sources, graph.positions, graph.weights)
    count = len(graph.sources) * config.n_members
    forward, both = {}, {}
    for name, function in (("fused", messages.edge_messages), ("reference", messages.reference_messages)):
        forward[name] = microseconds(lambda f=function: f(*(v.detach() for v in leaves), *edges), count) * 1e3
        both[name] = microseconds(lambda f=function: torch.autograd.grad(f(*leaves, *edges).sum(), leaves), count) * 1e3
    return {
        "fused_forward_ns": forward["fused"],
        "reference_forward_ns": forward["reference"],
        "forward_ratio": forward["reference"] / max(forward["fused"], 1e-9),
        "fused_forward_backward_ns": both["fused"],
        "reference_forward_backward_ns": both["reference"],
        "forward_backward_ratio": both["reference"] / max(both["fused"], 1e-9),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, help="structures to measure on instead of the bundled crystals")
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("scratch/stages.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    structures = sample(options.parquet, options.size)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    report = {
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "structures": len(structures),
        "graph_sizes_mean": graph_sizes(structures),
        "cpu_microseconds_a_structure": stage_costs(structures, options.out.parent / "crystals"),
        "edge_kernel": kernel_ratios(structures),
    }
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
