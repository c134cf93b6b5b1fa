"""Draws the README's pictures from a demo's result: `make demo && make pictures`."""

import io
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from rich.console import Console

from epitaxy.cli.screen.ranking import Measurements, Ranking
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model

mpl.use("Agg")
from matplotlib import pyplot as plt

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
PROPERTY = "band_gap"
COLOURS = {"IN_DOMAIN": "#2b6cb0", "BORDERLINE": "#dd8a1d", "OUT_OF_DOMAIN": "#c53030"}


def draw_table(results: pd.DataFrame, measured: Measurements, path: Path) -> None:
    card = load_artifact(shipped_model()).card.property_named(PROPERTY)
    theory = card.definition.level_of_theory if card else ""
    ranking = Ranking(PROPERTY, 25, ascending=False, level_of_theory=theory)
    for row in results.astype(object).where(results.notna(), None).itertuples(index=False, name=None):
        ranking.see(row)
    console = Console(record=True, width=118, file=io.StringIO())
    console.print(ranking.table(measured))
    console.save_svg(str(path), title="make demo")


def draw_gaps(results: pd.DataFrame, measured: Measurements, path: Path) -> None:
    gaps = results[results["property"] == PROPERTY].set_index("id")
    both = gaps[gaps.index.isin([name for name, value in measured.values.items() if value > 0])]
    truth = np.array([measured.values[name] for name in both.index])
    figure, axes = plt.subplots(figsize=(7.2, 5.0), dpi=150)
    for verdict, colour in COLOURS.items():
        chosen = (both["domain_verdict"] == verdict).to_numpy()
        part = both[chosen]
        errors = [part["value"] - part["lower"], part["upper"] - part["value"]]
        label = f"{verdict.lower().replace('_', ' ')} ({chosen.sum()})"
        axes.errorbar(
            truth[chosen], part["value"], yerr=errors, fmt="o", ms=3.5, lw=0.7, alpha=0.75, color=colour, label=label
        )
    limit = truth.max() * 1.04
    axes.plot([0, limit], [0, limit], color="0.5", lw=0.8, ls="--", label="measured = predicted")
    axes.set(
        xlim=(0, limit),
        ylim=(0, max(limit * 0.75, both["upper"].max() * 1.03)),
        xlabel="measured band gap, eV",
        ylabel="predicted PBE band gap with 90 % interval, eV",
        title=f"{len(both)} bundled compounds with a measured gap",
    )
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path)


def main(results_path: Path, measured_path: Path) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    results, measured = pd.read_parquet(results_path), Measurements.read(measured_path, PROPERTY)
    draw_table(results, measured, IMAGES / "demo-table.svg")
    draw_gaps(results, measured, IMAGES / "demo-gaps.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
