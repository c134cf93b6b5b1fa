"""The shipped transfer: the pipeline of the models, called for one job."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from epitaxy.finetune.domain.job import FineTuneJob, JobState, Progress, Suspicion, Verdict
from epitaxy.finetune.domain.label_table import LabelTable
from epitaxy.finetune.domain.spec import FineTuneSpec
from epitaxy.finetune.ports import LabelsStoppedError, TransferResult
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.vectors import VectorSettings, open_vectors
from epitaxy_models.ensembles.artifact import shipped_model
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.labels.findings import SuspiciousLabelsError
from epitaxy_models.transfer.labels.suspicion import SuspiciousLabel
from epitaxy_models.transfer.pipeline import run_transfer
from epitaxy_models.transfer.request import LowFidelityColumn, TransferBudget, TransferEvent, TransferRequest

_NOT_STATED = "not stated"


def build_transfer(settings: FineTuneSettings) -> "PipelineTransfer":
    """The transfer that jobs run unless the settings name another."""
    return PipelineTransfer(settings.base_models)


@dataclass(frozen=True, slots=True)
class PipelineTransfer:
    """Implements Transfer.

    Attributes:
        base_models: Folders of substrates by name, beside the shipped one.
        field: Who competes; None: all that this version knows.
    """

    base_models: Mapping[str, Path]
    field: Field | None = None

    def __call__(
        self,
        job: FineTuneJob,
        labels: LabelTable,
        folder: Path,
        on_event: Callable[[JobState, Progress], None],
        should_stop: Callable[[], bool],
    ) -> TransferResult:
        """Runs the pipeline."""

        def tell(event: TransferEvent) -> None:
            on_event(JobState(event.stage.value), Progress(event.fraction, event.message, dict(event.metrics)))

        request = self._request(job.spec, labels, folder / "out")
        open_index = partial(open_vectors, VectorSettings())
        try:
            outcome = run_transfer(request, tell, should_stop, self.field, open_index)
        except SuspiciousLabelsError as error:
            raise LabelsStoppedError(error.message, suspicious=_suspicions(error.suspicious)) from error
        return TransferResult(
            folder=outcome.model,
            verdict=Verdict(outcome.verdict.value),
            strategy=outcome.chosen,
            cross_validated_mae=dict(outcome.maes),
            is_calibrated=outcome.is_calibrated,
            report_json=outcome.report_json.read_bytes(),
            report_html=outcome.report_html.read_bytes(),
            sentence=outcome.sentence,
            is_constant=outcome.is_constant,
            suspicious=_suspicions(outcome.suspicious),
        )

    def _request(self, spec: FineTuneSpec, labels: LabelTable, out: Path) -> TransferRequest:
        return TransferRequest(
            name=spec.model_name,
            rows=labels.read_structures(),
            labels=labels.values[spec.target.name],
            definition=_definition(spec),
            out=out,
            low_fidelity={
                column.name: LowFidelityColumn(labels.values[column.name], spec.unit, column.fidelity, column.cost)
                for column in spec.low_fidelity
            },
            label_cost=spec.target.cost,
            transform=spec.transform.value,
            base=self.base_models[spec.base_model] if spec.base_model else shipped_model(),
            budget=TransferBudget(spec.budget.max_seconds, frozenset(spec.budget.strategies) or None),
            seed=spec.seed,
            peers=spec.peers,
            accept_suspicious=spec.accept_suspicious,
        )


def _suspicions(found: Sequence[SuspiciousLabel]) -> tuple[Suspicion, ...]:
    return tuple(Suspicion(entry.row, entry.id, entry.value, entry.kind.value, entry.message) for entry in found)


def _definition(spec: FineTuneSpec) -> PropertyDefinition:
    """The property; labels of unstated origin count as measured."""
    target = spec.target
    level = target.level_of_theory or (_NOT_STATED if target.fidelity is None else target.fidelity.value)
    description = f"{spec.property_name}, learned from the tenant's labels"
    return PropertyDefinition(spec.property_name, spec.unit, target.fidelity or Fidelity.EXPERIMENT, level, description)
