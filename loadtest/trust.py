"""How far intervals and verdicts can be trusted: ``python -m loadtest.trust --parquet mp_general.parquet``.

Coverage of the 90 % interval by group on the test part of the pretraining data (formulas that no member was trained
on), and the verdicts on the same crystals strained, rattled, and on a molecule in a box.
"""

import argparse
import json
import os
from collections import Counter
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch

from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout, EnsemblePrediction
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures import Structure, structure_from_column
from epitaxy_models.training.split import part_of

ENERGY, GAP = "formation_energy_mp2018_eV_atom", "band_gap_pbe_mp2018_eV"
WATER = np.array([[0.0, 0.0, 0.119], [0.0, 0.763, -0.477], [0.0, -0.763, -0.477]])


class Oracle:
    """The shipped model in this process."""

    def __init__(self) -> None:
        artifact = load_artifact(shipped_model())
        self._embedder, self._readout = Embedder(artifact), CalibratedReadout(artifact)
        self.names = [entry.definition.name for entry in artifact.card.properties]

    def __call__(self, structures: list[Structure]) -> EnsemblePrediction:
        graphs = [build_graph(structure) for structure in structures]
        parts = [self._embedder(graphs[start : start + 64]) for start in range(0, len(graphs), 64)]
        return self._readout(np.concatenate(parts), [s.atomic_numbers for s in structures], 0.9, structures)


def coverage_by_group(oracle: Oracle, table: pd.DataFrame, structures: list[Structure]) -> dict[str, object]:
    prediction = oracle(structures)
    energy, gap = (oracle.names.index(name) for name in ("formation_energy", "band_gap"))
    truth = table[GAP].to_numpy()
    groups = {
        "all": np.full(len(table), fill_value=True),
        "metals": truth == 0,
        "non-metals": truth > 0,
        "gap 0 to 1 eV": (truth > 0) & (truth <= 1),
        "gap above 3 eV": truth > 3,
        "at most 2 elements": (table["nelements"] <= 2).to_numpy(),
        "over 40 sites": (table["nsites"] > 40).to_numpy(),
    }
    report: dict[str, object] = {}
    for name, chosen in groups.items():
        entry = {"structures": int(chosen.sum())}
        for label, column, values in (("formation_energy", energy, table[ENERGY].to_numpy()), ("band_gap", gap, truth)):
            inside = (prediction.lower[:, column] <= values) & (values <= prediction.upper[:, column])
            errors = np.abs(prediction.values[:, column] - values)
            entry[label] = {"mae": round(errors[chosen].mean(), 4), "coverage": round(inside[chosen].mean(), 3)}
        report[name] = entry
    return report


def verdicts(oracle: Oracle, structures: list[Structure]) -> dict[str, float]:
    counts = Counter(domain.verdict.value for domain in oracle(structures).domains)
    return {name: round(count / len(structures), 3) for name, count in sorted(counts.items())}


def stretched(structure: Structure, factor: float) -> Structure:
    return Structure(structure.lattice * factor, structure.atomic_numbers, structure.frac_coords)


def rattled(structure: Structure, sigma: float, random: np.random.Generator) -> Structure:
    moved = structure.cart_coords + random.normal(0, sigma, (structure.n_sites, 3))
    frac = moved @ np.linalg.inv(structure.lattice)
    return Structure(structure.lattice, structure.atomic_numbers, frac - np.floor(frac))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = pd.read_parquet(options.parquet)
    table = table[table[ENERGY].notna() & (table["formula"].map(part_of) == "test")]
    structures = [structure_from_column(text) for text in table["structure"]]
    oracle, random, some = Oracle(), np.random.default_rng(0), structures[:400]
    damaged = {"as they are": some}
    damaged |= {f"lattice x {f}": [stretched(s, f) for s in some] for f in (0.8, 0.9, 0.95, 1.05, 1.1, 1.3)}
    damaged |= {f"atoms moved {r} A": [rattled(s, r, random) for s in some] for r in (0.1, 0.2, 0.3)}
    box = Structure(np.eye(3) * 12.0, np.array([8, 1, 1], dtype=np.uint8), (WATER / 12.0) % 1)
    report = {
        "coverage": coverage_by_group(oracle, table, structures),
        "verdicts": {
            name: verdicts(oracle, crystals) for name, crystals in (damaged | {"H2O in a box": [box]}).items()
        },
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
