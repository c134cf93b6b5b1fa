"""Whether one key is one crystal, over a whole data set: ``python -m loadtest.keys --parquet FILE``.

Crystals that share a key are embedded each by itself: a key may only join what the network answers alike. A sample is
turned, moved, repeated, described by another cell and reordered, and must keep its key and its embedding; the quotient
graph is held against the graph of all atoms. Writes JSON.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.graph import build_full_graph, build_graph
from epitaxy_models.structures import Structure, check_structure, structure_from_column
from epitaxy_models.testing.equivalent_cells import (
    permuted,
    random_basis,
    random_rotation,
    rebased,
    repeated,
    translated,
    turned,
)

_BATCH = 64


def shared_keys(structures: list[Structure], embedder: Embedder) -> dict[str, float]:
    """How many keys several crystals share, and how far apart such crystals are for the network."""
    rows_of_key: dict[bytes, list[int]] = defaultdict(list)
    for row, structure in enumerate(structures):
        rows_of_key[build_graph(structure).key].append(row)
    groups = [rows for rows in rows_of_key.values() if len(rows) > 1]
    foreign, worst = 0, 0.0
    for rows in groups:
        foreign += len({structures[row].reduced_formula for row in rows}) > 1
        embeddings = embedder([build_graph(structures[row]) for row in rows])
        worst = max(worst, float(np.ptp(embeddings, axis=0).max()))
    return {
        "structures": len(structures),
        "keys": len(rows_of_key),
        "keys_of_several_structures": len(groups),
        "keys_of_several_formulas": foreign,
        "worst_embedding_difference_within_a_key": worst,
    }


def equivalents(structure: Structure, seed: int) -> dict[str, Structure]:
    """The same crystal otherwise described."""
    rng = np.random.default_rng(seed)
    return {
        "turned": turned(structure, random_rotation(seed)),
        "moved": translated(structure, rng.random(3)),
        "reordered": permuted(structure, rng.permutation(structure.n_sites)),
        "repeated": repeated(structure, (2, 1, 1)),
        "another_cell": rebased(structure, random_basis(seed)),
    }


def invariances(structures: list[Structure], artifact: ModelArtifact, embedder: Embedder) -> dict[str, object]:
    """Lost keys and moved predictions under each description, and against the graph of all atoms."""
    readout = CalibratedReadout(artifact)
    lost: dict[str, int] = defaultdict(int)
    moved: dict[str, list[float]] = defaultdict(list)

    def means(graphs: list, atoms: list) -> np.ndarray:
        parts = [embedder(graphs[start : start + _BATCH]) for start in range(0, len(graphs), _BATCH)]
        return readout.spread(np.concatenate(parts), atoms)[0]

    graphs = [build_graph(structure) for structure in structures]
    atoms = [structure.atomic_numbers for structure in structures]
    own = means(graphs, atoms)
    others = [
        {n: check_structure(o).structure for n, o in equivalents(s, seed).items()} for seed, s in enumerate(structures)
    ]
    for name in others[0]:
        found = [build_graph(other[name]) for other in others]
        lost[name] = sum(a.key != b.key for a, b in zip(graphs, found, strict=True))
        moved[name] = np.abs(means(found, [other[name].atomic_numbers for other in others]) - own).max(axis=1).tolist()
    full = means([build_full_graph(structure) for structure in structures], atoms)
    moved["graph_of_all_atoms"] = np.abs(full - own).max(axis=1).tolist()
    return {
        "structures": len(structures),
        "lost_keys": dict(lost),
        "worst_difference_ev": {name: max(values) for name, values in moved.items()},
        "median_difference_ev": {name: float(np.median(values)) for name, values in moved.items()},
        "over_1e-4_ev": {name: int(np.sum(np.array(values) > 1e-4)) for name, values in moved.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, required=True)
    parser.add_argument("--size", type=int, default=0, help="rows to take, at random; 0: all")
    parser.add_argument("--sample", type=int, default=1000, help="of these, tried in other descriptions")
    parser.add_argument("--max-sites", type=int, default=60, help="of the sample: twice as many when repeated")
    parser.add_argument("--out", type=Path, default=Path("scratch/keys.json"))
    options = parser.parse_args()
    column = pd.read_parquet(options.parquet, columns=["structure"])["structure"]
    column = column.sample(options.size or len(column), random_state=0)
    structures = [structure_from_column(text) for text in column]
    artifact = load_artifact(shipped_model())
    embedder = Embedder(artifact)
    small = [structure for structure in structures if structure.n_sites <= options.max_sites]
    report = {
        "shared": shared_keys(structures, embedder),
        "equivalent": invariances(small[: options.sample], artifact, embedder),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
