"""How far intervals and verdicts can be trusted: ``python -m loadtest.uncertainty --data ../shared/data``.

Coverage, width and standard deviations of the shipped model on the test part of the pretraining data (formulas that
neither training nor calibration saw), and of tenants' models fitted on few labels; the domain score on crystals of the
test part against strained and rattled ones, hypothetical perovskites, layers cut from crystals, and molecules in boxes.
Writes a summary as JSON, tables and plots; ``loadtest.faithfulness`` measures the explanations.
"""

import argparse
import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from ase.build import molecule
from ase.collections import g2
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from epitaxy_models.calibration.conformal import bounded
from epitaxy_models.calibration.perturbation import rattled, strained, stretched
from epitaxy_models.calibration.report import REPORTED, CalibrationReport, Intervals, calibration_report
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout, EnsemblePrediction
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.heads.property import PropertyDefinition
from epitaxy_models.structures import Structure, structure_from_column
from epitaxy_models.training.breakdown import chemical_system, crystal_groups
from epitaxy_models.training.publisher import CALIBRATION_PARTS
from epitaxy_models.training.split import parts_of
from loadtest.uncertainty_tenants import tenant_reports

NOMINAL = tuple(float(c) for c in np.round(np.arange(0.5, 0.991, 0.01), 2))
GAP = "band_gap_pbe_mp2018_eV"
N_FOREIGN, BATCH = 400, 64
SCORE_GROUPS = ((0.0, 0.5), (0.5, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.01))


class Oracle:
    """The shipped model in this process."""

    def __init__(self) -> None:
        self.artifact = load_artifact(shipped_model())
        self._embedder, self._readout = Embedder(self.artifact), CalibratedReadout(self.artifact)

    def embed(self, structures: list[Structure]) -> NDArray[np.float32]:
        graphs = [build_graph(structure, self.artifact.card.rule) for structure in structures]
        return np.concatenate([self._embedder(graphs[start : start + BATCH]) for start in range(0, len(graphs), BATCH)])

    def predict(
        self, embeddings: NDArray[np.float32], structures: list[Structure], coverage: float
    ) -> EnsemblePrediction:
        return self._readout(embeddings, structures, coverage)

    def scores(self, structures: list[Structure]) -> tuple[NDArray[np.float64], dict[str, float]]:
        """Domain scores, and shares of the verdicts."""
        domains = self._readout.domains(self.embed(structures), structures)
        counts = Counter(domain.verdict.value for domain in domains)
        shares = {name: round(count / len(domains), 3) for name, count in sorted(counts.items())}
        return np.array([domain.score for domain in domains]), shares


def shipped_reports(oracle: Oracle, table: pd.DataFrame, parts: NDArray[np.str_]) -> dict[str, CalibrationReport]:
    """One report a served property, on the test part."""
    card = oracle.artifact.card
    columns = {entry.definition.name: card.heads[entry.head] for entry in card.properties}
    test, known = table[parts == "test"], table[np.isin(parts, CALIBRATION_PARTS)]
    test, known = (part[part[list(columns.values())].notna().any(axis=1)] for part in (test, known))
    structures, seen = ([structure_from_column(text) for text in part["structure"]] for part in (test, known))
    embeddings, seen_embeddings = oracle.embed(structures), oracle.embed(seen)
    predictions = {c: oracle.predict(embeddings, structures, c) for c in NOMINAL}
    first = predictions[NOMINAL[0]]
    calibration = oracle.predict(seen_embeddings, seen, 0.9)
    systems = frozenset(map(_system, table["structure"][parts == "train"]))
    groups = crystal_groups([s.atomic_numbers for s in structures], test[GAP].to_numpy(), systems)
    scores = np.array([domain.score for domain in first.domains])
    for low, high in SCORE_GROUPS:
        groups[f"domain score {low:g} to {min(high, 1):g}"] = (scores >= low) & (scores < high)
    reports = {}
    for column, entry in enumerate(card.properties):
        labels = test[columns[entry.definition.name]].to_numpy(dtype=np.float64)
        rows = np.isfinite(labels)
        residuals = np.abs(known[columns[entry.definition.name]].to_numpy() - calibration.values[:, column])
        residuals = np.sort(residuals[np.isfinite(residuals)])
        values = first.values[rows, column]
        reports[entry.definition.name] = calibration_report(
            labels[rows],
            values,
            first.stds[rows, column],
            [Intervals(c, p.lower[rows, column], p.upper[rows, column]) for c, p in predictions.items()],
            {c: constant_width(values, residuals, c, entry.definition) for c in REPORTED},
            {name: mask[rows] for name, mask in groups.items()},
        )
    return reports


def constant_width(
    values: NDArray[np.float64], residuals: NDArray[np.float64], coverage: float, limits: PropertyDefinition
) -> Intervals:
    """Split-conformal intervals of one width; ``residuals`` of the calibration part, ascending."""
    rank = min(int(np.ceil((len(residuals) + 1) * coverage)), len(residuals))
    half = np.full(len(values), residuals[rank - 1])
    _, lower, upper = bounded(values, half, limits.lower_bound, limits.upper_bound)
    return Intervals(coverage, lower, upper)


def _system(text: str) -> str:
    return chemical_system(structure_from_column(text).atomic_numbers)


def foreign_sets(data: Path, crystals: list[Structure]) -> dict[str, list[Structure]]:
    """Structures that are not like the training data, by what they are."""
    random = np.random.default_rng(0)
    some = [crystals[int(row)] for row in random.choice(len(crystals), min(N_FOREIGN, len(crystals)), replace=False)]
    sets = {f"lattice x {f}": [stretched(s, f) for s in some] for f in (0.9, 0.95, 1.05, 1.1)}
    sets |= {f"sheared or strained {e:.0%}": [strained(s, e, random) for s in some] for e in (0.05, 0.1)}
    sets |= {f"atoms moved {r} A": [rattled(s, r, random) for s in some] for r in (0.1, 0.2, 0.3)}
    for name, file in (("hypothetical perovskites", "perov5_castelli.parquet"), ("layers", "jarvis_2d.parquet")):
        if (data / file).exists():
            rows = pd.read_parquet(data / file, columns=["structure"])["structure"]
            sets[name] = [structure_from_column(text) for text in rows.sample(min(600, len(rows)), random_state=0)]
    return sets | {"molecules in boxes": _molecules()}


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
    usual, shares = oracle.scores(crystals)
    report: dict[str, Any] = {"crystals of the test part": {"n": len(usual), "verdicts": shares}}
    for name, structures in foreign_sets(data, crystals).items():
        scores, shares = oracle.scores(structures)
        truth = np.repeat((0, 1), (len(usual), len(scores)))
        area = float(roc_auc_score(truth, np.concatenate([usual, scores])))
        report[name] = {"n": len(scores), "auroc": round(area, 3), "verdicts": shares}
        print(f"{name:28s} AUROC {area:.3f}  {shares}", flush=True)
    return report


def as_table(reports: dict[str, CalibrationReport]) -> str:
    """Coverage and mean width at the reported levels, then the rest, a row a property."""
    heads = [f"{level:.0%}" for level in REPORTED]
    lines = [["property", "n", *heads, "z^2", "z^2 but one", "miscal. area", "sharpness", "rank corr."]]
    for name, report in reports.items():
        levels = [f"{e.coverage:.1%}, {e.mean_width:.3g} ({e.constant_width:.3g})" for e in report.levels]
        numbers = (
            report.mean_squared_z,
            report.mean_squared_z_but_largest,
            report.miscalibration_area,
            report.sharpness,
            report.rank_correlation,
        )
        lines.append([name, str(report.n), *levels, *(f"{number:.3g}" for number in numbers)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rule = ["-" * width for width in widths]
    rows = [lines[0], rule, *lines[1:]]
    texts = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"| {text} |" for text in texts)


def plot_levels(reports: dict[str, CalibrationReport], title: str, path: Path) -> None:
    """Coverage against nominal, a line a property."""
    figure, axes = plt.subplots(figsize=(5.2, 4.6), constrained_layout=True)
    axes.plot((0.5, 1), (0.5, 1), color="0.6", lw=1)
    axes.fill_between((0.5, 1), (0.48, 0.98), (0.52, 1.02), color="0.9", label="within 2 points")
    for name, report in reports.items():
        nominal, found = [e.nominal for e in report.levels], [e.coverage for e in report.levels]
        axes.plot(nominal, found, marker="o", ms=4, label=name)
    axes.set(xlabel="nominal coverage", ylabel="share of labels inside", title=title, xlim=(0.48, 1), ylim=(0.4, 1))
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_domain(report: dict[str, Any], path: Path) -> None:
    """One bar a foreign set."""
    areas = {name: entry["auroc"] for name, entry in report.items() if "auroc" in entry}
    figure, axes = plt.subplots(figsize=(6.4, 4), constrained_layout=True)
    axes.barh(list(areas), list(areas.values()), color="#4c78a8")
    axes.axvline(0.9, color="0.3", lw=1, ls="--")
    axes.set(xlim=(0.5, 1), xlabel="AUROC of the domain score against crystals of the test part")
    axes.invert_yaxis()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of mp_general.parquet and the target files")
    parser.add_argument("--work", type=Path, default=Path("scratch/uncertainty"), help="results")
    parser.add_argument("--labels", type=int, default=100, help="of a tenant")
    parser.add_argument("--seeds", type=int, default=5, help="draws a target; 0: no tenants")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    table = pd.read_parquet(options.data / "mp_general.parquet")
    parts, oracle = parts_of(table["formula"].tolist()), Oracle()
    summary: dict[str, Any] = {"model": oracle.artifact.card.version, "digest": oracle.artifact.digest}
    shipped = shipped_reports(oracle, table, parts)
    print(as_table(shipped), flush=True)
    plot_levels(shipped, "shipped model, test part", options.work / "shipped.png")
    crystals = [structure_from_column(text) for text in table["structure"][parts == "test"]]
    domain = domain_report(oracle, options.data, crystals)
    plot_domain(domain, options.work / "domain.png")
    found: dict[str, CalibrationReport] = {}
    if options.seeds:
        found = tenant_reports(options.data, options.work, options.labels, options.seeds)
        print(as_table(found), flush=True)
        plot_levels(found, f"tenants' models, {options.labels} labels", options.work / "tenants.png")
    summary |= {
        "shipped": {name: asdict(report) for name, report in shipped.items()},
        "domain": domain,
        "tenants": {name: asdict(report) for name, report in found.items()},
    }
    (options.work / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    tables = [as_table(reports) for reports in (shipped, found) if reports]
    (options.work / "table.md").write_text("\n\n".join(tables) + "\n")


if __name__ == "__main__":
    main()
