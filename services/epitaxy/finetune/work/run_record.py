"""What a finished job shows in MLflow."""

import json
from collections.abc import Mapping
from typing import Any

from epitaxy.finetune.domain.job import FineTuneJob
from epitaxy.finetune.domain.spec import FineTuneSpec
from epitaxy.finetune.ports import TransferResult
from epitaxy.registry.run_record import DataRecord, RunRecord


def record_of(job: FineTuneJob, outcome: TransferResult) -> RunRecord:
    """Parameters of the job, errors of all strategies, coverage of the chosen one, and the labels."""
    card = json.loads((outcome.folder / "card.json").read_text())
    report = json.loads(outcome.report_json)
    training: Mapping[str, Any] = card.get("training", {})
    n_used = int(report.get("data", {}).get("n_usable", job.n_labels))
    columns = dict.fromkeys(job.spec.columns, job.spec.unit)
    data = DataRecord(job.spec.target.name, training.get("labels_digest", ""), n_used, columns)
    return RunRecord(
        params=_params(job.spec) | {"split": str(training.get("split", ""))},
        metrics=_metrics(outcome, report) | {"n_rows": job.n_rows, "n_labels": n_used},
        tags={
            "tenant": job.tenant,
            "job": job.id,
            "verdict": outcome.verdict.value,
            "strategy": outcome.strategy,
            "calibrated": str(outcome.is_calibrated).lower(),
            "labels_digest": data.digest,
            **_substrate(card),
            **({"refit_of": job.spec.refit_of.version} if job.spec.refit_of else {}),
        },
        data=data if data.digest else None,
    )


def _substrate(card: Mapping[str, Any]) -> dict[str, str]:
    """Version and digest of the substrate under the model, by which models on an old one are found."""
    base = card.get("base", {})
    if not base:
        return {}
    return {"substrate": f"{base['name']}:{base['version']}", "substrate_digest": base["digest"]}


def _params(spec: FineTuneSpec) -> dict[str, str]:
    return {
        "property": spec.property_name,
        "unit": spec.unit,
        "column": spec.target.name,
        "fidelity": spec.target.fidelity.value if spec.target.fidelity else "not stated",
        "transform": spec.transform.value,
        **({"task": spec.task.value} if spec.are_classes else {}),
        "base_model": spec.base_model or "shipped",
        "low_fidelity": ",".join(column.name for column in spec.low_fidelity),
        "peers": ",".join(spec.peers),
        **({"conditions": ",".join(entry.name for entry in spec.conditions)} if spec.conditions else {}),
        **({"laws": ",".join(spec.laws)} if spec.laws else {}),
        "strategies": ",".join(spec.budget.strategies) or "all",
        "max_seconds": f"{spec.budget.max_seconds:g}",
        "seed": str(spec.seed),
    }


def _metrics(outcome: TransferResult, report: Mapping[str, Any]) -> dict[str, float]:
    """``mae`` (classes: ``brier``), its interval: of the chosen strategy; ``mae.NAME``, ``gain.NAME``: of each."""
    classes = outcome.classification
    score = "brier" if classes else "mae"
    metrics = {f"{score}.{name}": error for name, error in outcome.cross_validated_mae.items()}
    if classes:
        metrics |= {f"auc.{name}": auc for name, auc in classes.auc_by_strategy.items()}
        metrics |= {"auc": classes.auc, "log_loss": classes.log_loss, "calibration_error": classes.calibration_error}
    for row in report.get("strategies", ()):
        metrics[f"gain.{row['name']}"] = row["gain"]
        metrics[f"seconds.{row['name']}"] = row["seconds"]
        if row["name"] == outcome.strategy:
            metrics |= {score: row["mae"], f"{score}_low": row["mae_low"], f"{score}_high": row["mae_high"]}
    calibration = report.get("calibration", {})
    for nominal, share in zip(calibration.get("nominal", ()), calibration.get("measured", ()), strict=True):
        metrics[f"coverage_at_{nominal:g}"] = share
    return {name: float(value) for name, value in metrics.items() if value is not None}
