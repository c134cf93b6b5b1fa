"""The use case: check, featurize, count, train, keep a record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epitaxy.pretraining.domain import DataCounts, PretrainOutcome, PretrainRun
from epitaxy.pretraining.journal import JournalFollower, epoch_reports, report_of
from epitaxy.pretraining.ports import Display, DistributedTrainer, Tracking
from epitaxy_models.errors import CheckpointError
from epitaxy_models.training.dataset import check_columns, prepare_store, read_labelled
from epitaxy_models.training.loop import changed_settings, check_enough, settings_of


@dataclass(frozen=True, slots=True)
class Pretraining:
    """Pretrains from a table of labelled materials; calling it again after an interruption resumes."""

    trainer: DistributedTrainer
    tracking: Tracking
    display: Display

    def __call__(self, run: PretrainRun, featurize_processes: int) -> PretrainOutcome:
        """Trains to the end. What the configuration or the data have wrong is raised before any worker starts."""
        check_columns(run.data, run.training.tasks, run.training.rule)
        settings = _claim(run)
        prepare_store(run.data, run.store, run.training.rule, featurize_processes, self.display.featurized)
        data = read_labelled(run.data, run.store, run.training.tasks, run.training.rule)
        counts = DataCounts.of(data, run.training)
        for line in counts.lines():
            self.display.say(line)
        check_enough(data, run.training)
        self.tracking.begin(run, settings | {"workers": run.workers, "rows": counts.rows})
        outcome = None
        try:
            outcome = self._train(run)
        finally:
            self.tracking.end(outcome)
        return outcome

    def _train(self, run: PretrainRun) -> PretrainOutcome:
        # Epochs that an earlier driver did not live to record.
        for report in epoch_reports(run.journal):
            self.tracking.record(run, report)

        def listen(event: Mapping[str, Any]) -> None:
            self.display.show(event)
            if event["event"] == "epoch":
                self.tracking.record(run, report_of(event))

        with JournalFollower(run.journal, listen):
            return self.trainer.train(run)


def _claim(run: PretrainRun) -> dict[str, Any]:
    """Writes the settings into the work folder, or checks that it is this run's."""
    run.work.mkdir(parents=True, exist_ok=True)
    record = run.work / "run.json"
    wanted: dict[str, Any] = json.loads(json.dumps(settings_of(run.training)))
    if record.exists():
        changed = changed_settings(json.loads(record.read_text()), wanted)
        if changed:
            raise CheckpointError(
                f"{run.work} is of another run: it differs in {', '.join(changed)}", reason="OTHER_RUN"
            )
    record.write_text(json.dumps(wanted, indent=1))
    return wanted
