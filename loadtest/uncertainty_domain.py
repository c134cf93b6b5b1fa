"""The domain score and verdict on crystals of the test part against structures that are deliberately foreign."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase.build import molecule
from ase.collections import g2
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from epitaxy_models.calibration.perturbation import rattled, strained, stretched
from epitaxy_models.structures import Structure, structure_from_column
from loadtest.uncertainty_oracle import Oracle

N_FOREIGN, N_OF_FILE = 400, 600
USUAL = "crystals of the test part"
# By name: what the bar asks for, and how it is asked.
PEROVSKITES, MOLECULES = "hypothetical perovskites", "molecules in boxes"


def foreign_sets(data: Path, crystals: list[Structure]) -> dict[str, list[Structure]]:
    """Structures that are not like the training data, by what they are."""
    random = np.random.default_rng(0)
    some = [crystals[int(row)] for row in random.choice(len(crystals), min(N_FOREIGN, len(crystals)), replace=False)]
    sets = {f"lattice x {f}": [stretched(s, f) for s in some] for f in (0.9, 0.95, 1.05, 1.1)}
    sets |= {f"sheared or strained {e:.0%}": [strained(s, e, random) for s in some] for e in (0.05, 0.1)}
    sets |= {f"atoms moved {r} A": [rattled(s, r, random) for s in some] for r in (0.1, 0.2, 0.3)}
    for name, file in ((PEROVSKITES, "perov5_castelli.parquet"), ("layers", "jarvis_2d.parquet")):
        if (data / file).exists():
            rows = pd.read_parquet(data / file, columns=["structure"])["structure"]
            sample = rows.sample(min(N_OF_FILE, len(rows)), random_state=0)
            sets[name] = [structure_from_column(text) for text in sample]
    return sets | {MOLECULES: _molecules()}


def _molecules() -> list[Structure]:
    """The G2 molecules of ASE with 8 Angstrom of vacuum."""
    found = []
    for name in g2.names:
        atoms = molecule(name)  # type: ignore[no-untyped-call]  # ASE leaves it untyped
        if len(atoms) > 1:
            extent = float(np.ptp(atoms.positions, axis=0).max())
            atoms.set_cell(np.eye(3) * (extent + 8.0))
            atoms.center()
            numbers = atoms.numbers.astype(np.uint8)
            found.append(Structure(np.array(atoms.cell), numbers, atoms.get_scaled_positions() % 1))
    return found


def domain_report(oracle: Oracle, data: Path, crystals: list[Structure]) -> dict[str, Any]:
    """Area under the receiver operating characteristic of the score, and verdicts, by foreign set."""
    usual, shares = oracle.scores("test part", crystals)
    report: dict[str, Any] = {USUAL: {"n": len(usual), "verdicts": shares}}
    for name, structures in foreign_sets(data, crystals).items():
        scores, shares = oracle.scores(name, structures)
        area = _area(usual, scores)
        report[name] = {"n": len(scores), "auroc": round(area, 3), "verdicts": shares}
        print(f"{name:28s} AUROC {area:.3f}  {shares}", flush=True)
    return report


def _area(usual: NDArray[np.float64], foreign: NDArray[np.float64]) -> float:
    truth = np.repeat((0, 1), (len(usual), len(foreign)))
    return float(roc_auc_score(truth, np.concatenate([usual, foreign])))
