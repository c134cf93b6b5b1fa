"""Tracking in MLflow: the only module that imports it."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from epitaxy.pretraining.domain import PretrainOutcome, PretrainRun
from epitaxy_models.training.report import EpochReport


class MlflowTracking:
    """Adapter of ``Tracking``; the record's id lies in the work folder, so that a resumed run goes on in it."""

    def __init__(self, uri: str, experiment: str, artifacts: Path | None = None) -> None:
        self._uri, self._experiment, self._artifacts = uri, experiment, artifacts
        self._run_id, self._last_epoch = "", 0

    @cached_property
    def _client(self) -> MlflowClient:
        # Opened with the first record: a sqlite file is made by that, and bad data should leave nothing behind.
        return MlflowClient(tracking_uri=self._uri)

    def begin(self, run: PretrainRun, facts: Mapping[str, Any]) -> None:
        """Takes up the work folder's record, or starts one with parameters and the units of the errors."""
        card = run.work / "mlflow-run.json"
        self._run_id = self._known(card) or self._create(run, facts, card)
        self._client.update_run(self._run_id, status="RUNNING")
        history = self._client.get_metric_history(self._run_id, "score")
        self._last_epoch = max((metric.step for metric in history), default=0)

    def record(self, run: PretrainRun, report: EpochReport) -> None:
        """One step of every metric; an epoch that is there already is left alone."""
        if report.epoch <= self._last_epoch:
            return
        values = {"loss": report.loss, "score": report.score, "seconds": report.seconds}
        values["structures_per_second"] = report.structures_per_second
        values |= {f"mae/{name}": error for name, error in report.errors.items()}
        metrics = [Metric(name, value, 0, report.epoch) for name, value in values.items()]
        self._client.log_batch(self._run_id, metrics=metrics)
        self._last_epoch = report.epoch

    def end(self, outcome: PretrainOutcome | None) -> None:
        """FINISHED with the best epoch, or FAILED."""
        if outcome:
            self._client.set_tag(self._run_id, "best_epoch", str(outcome.best_epoch))
            self._client.set_tag(self._run_id, "checkpoint", str(outcome.checkpoint))
        self._client.set_terminated(self._run_id, "FINISHED" if outcome else "FAILED")

    def _known(self, card: Path) -> str:
        if not card.exists():
            return ""
        run_id = str(json.loads(card.read_text())["run_id"])
        try:
            self._client.get_run(run_id)
        except MlflowException:
            # Another server, or one that was emptied: the journal fills the new record.
            return ""
        return run_id

    def _create(self, run: PretrainRun, facts: Mapping[str, Any], card: Path) -> str:
        created = self._client.create_run(self._experiment_id(), run_name=run.name)
        run_id = str(created.info.run_id)
        parameters = [Param(name, str(value)) for name, value in facts.items()]
        units = [RunTag(f"unit.mae/{t.definition.name}", t.definition.unit) for t in run.training.tasks]
        self._client.log_batch(run_id, params=parameters, tags=[*units, RunTag("data", str(run.data))])
        card.write_text(json.dumps({"run_id": run_id}))
        return run_id

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        if found:
            return str(found.experiment_id)
        location = self._artifacts.resolve().as_uri() if self._artifacts else None
        return str(self._client.create_experiment(self._experiment, artifact_location=location))


class NoTracking:
    """For runs whose configuration switches tracking off."""

    def begin(self, run: PretrainRun, facts: Mapping[str, Any]) -> None:
        """Nothing."""

    def record(self, run: PretrainRun, report: EpochReport) -> None:
        """Nothing."""

    def end(self, outcome: PretrainOutcome | None) -> None:
        """Nothing."""
