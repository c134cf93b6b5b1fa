"""How far intervals and verdicts can be trusted: ``python -m loadtest.uncertainty --data ../shared/data``.

Coverage, width and standard deviations of the shipped model on the test part of the pretraining data (formulas that
neither training nor calibration saw) and on its textbook formulas, by group and beside the model before; those of
tenants' models fitted on few labels; the domain score on crystals of the test part against strained and rattled ones,
hypothetical perovskites, layers cut from crystals, and molecules in boxes.
Embeddings and tenants' models are kept as they are made: a second run goes on where the first one stopped. Writes a
summary as JSON, tables and plots; ``loadtest.faithfulness`` measures the explanations.
"""

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib as mpl

mpl.use("Agg")
import pandas as pd
import torch

from epitaxy_models.calibration.report import CalibrationReport
from epitaxy_models.ensembles.artifact import shipped_model
from epitaxy_models.training.split import parts_of
from loadtest.uncertainty_domain import domain_report
from loadtest.uncertainty_oracle import Oracle
from loadtest.uncertainty_shipped import labelled, shipped_reports
from loadtest.uncertainty_tables import (
    calibration_table,
    domain_table,
    goals,
    goals_of_groups,
    goals_table,
    groups_table,
    left_out_table,
    plot_domain,
    plot_levels,
)
from loadtest.uncertainty_tenants import tenant_reports


def model_before() -> Path | None:
    """Folder of the version before that lies beside the shipped model; None if there is none."""
    present = shipped_model()
    found = sorted(present.parent.glob(f"{present.name}-*/card.json"), key=lambda card: card.parent.name)
    return found[-1].parent if found else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder of mp_general.parquet, mp_textbook.parquet and the target files",
    )
    parser.add_argument("--work", type=Path, default=Path("scratch/uncertainty"), help="results, and what is kept")
    parser.add_argument("--labels", type=int, default=100, help="of a tenant")
    parser.add_argument("--seeds", type=int, default=5, help="draws a target; 0: no tenants")
    parser.add_argument("--before", type=Path, default=model_before(), help="folder of a model to set beside")
    parser.add_argument("--targets", nargs="*", default=[], help="of tenants; all by default")
    parser.add_argument("--draws", type=Path, help="folder of kept tenants' models; loadtest.transfer makes them too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    table = pd.read_parquet(options.data / "mp_general.parquet")
    parts, oracle = parts_of(table["formula"].tolist()), Oracle(options.work)
    shipped = shipped_reports(oracle, table, parts)
    print(calibration_table(shipped), flush=True)
    earlier = Oracle(options.work, options.before) if options.before else None
    before = shipped_reports(earlier, table, parts) if earlier else {}
    textbook = pd.read_parquet(options.data / "mp_textbook.parquet")
    textbook = textbook[parts_of(textbook["formula"].tolist()) == "test"]
    known = shipped_reports(oracle, table, parts, textbook)
    known_before = shipped_reports(earlier, table, parts, textbook) if earlier else {}
    by_group = [groups_table(shipped, before), groups_table(known, known_before), left_out_table(oracle.artifact.card)]
    print("\n\n".join(by_group), flush=True)
    domain = domain_report(oracle, options.data, labelled(table, parts == "test", oracle)[1])
    found: dict[str, CalibrationReport] = {}
    if options.seeds:
        found = tenant_reports(
            options.data,
            options.work,
            options.draws or options.work / "draws",
            options.labels,
            options.seeds,
            options.targets,
        )
        print(calibration_table(found), flush=True)
    reached = [*goals_of_groups(shipped, before), *goals(shipped, found, domain)]
    print(goals_table(reached), flush=True)
    plot_levels(shipped, 0.02, "shipped model, test part", options.work / "shipped.png")
    plot_levels(found, 0.05, f"tenants' models, {options.labels} labels", options.work / "tenants.png")
    plot_domain(domain, options.work / "domain.png")
    summary: dict[str, Any] = {
        "model": oracle.artifact.card.version,
        "digest": oracle.artifact.digest,
        "goals": [asdict(goal) for goal in reached],
        "shipped": {name: asdict(report) for name, report in shipped.items()},
        "textbook": {name: asdict(report) for name, report in known.items()},
        "model_before": earlier.artifact.card.version if earlier else "",
        "shipped_before": {name: asdict(report) for name, report in before.items()},
        "textbook_before": {name: asdict(report) for name, report in known_before.items()},
        "domain": domain,
        "tenants": {name: asdict(report) for name, report in found.items()},
    }
    (options.work / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    tables = [calibration_table(reports) for reports in (shipped, found) if reports]
    tables += [*by_group, domain_table(domain), goals_table(reached)]
    (options.work / "table.md").write_text("\n\n".join(tables) + "\n")


if __name__ == "__main__":
    main()
