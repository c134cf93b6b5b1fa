"""The shipped transfer: the pipeline of the models, called for one job."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from epitaxy.finetune.domain.job import FineTuneJob, JobState, Progress, Succession, Suspicion, Verdict
from epitaxy.finetune.domain.label_table import LabelTable
from epitaxy.finetune.domain.spec import FineTuneSpec, RefittedVersion
from epitaxy.finetune.ports import LabelsStoppedError, TransferResult
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.vectors import VectorSettings, open_vectors
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.catalogue import StoredSubstrate, SubstrateCatalogue, shipped_models
from epitaxy_models.errors import ConfigurationError, EpitaxyError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import MaterialIntake
from epitaxy_models.structures.intake import DOUBTFUL_CODES, Intake, Note, Repair
from epitaxy_models.structures.structure import Structure
from epitaxy_models.substrates.material_catalogue import COMPOSITION, MOLECULE, NAMES, MaterialCatalogue
from epitaxy_models.transfer.conditions.condition import ConditionColumn
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.labels.findings import SuspiciousLabelsError
from epitaxy_models.transfer.labels.readings import Reading
from epitaxy_models.transfer.labels.suspicion import SuspiciousLabel
from epitaxy_models.transfer.pipeline import run_material_transfer, run_transfer
from epitaxy_models.transfer.predecessor import Predecessor
from epitaxy_models.transfer.records import SuccessionSection
from epitaxy_models.transfer.request import LowFidelityColumn, TransferBudget, TransferEvent, TransferRequest

_NOT_STATED = "not stated"


def build_transfer(settings: FineTuneSettings) -> "PipelineTransfer":
    """The transfer that jobs run unless the settings name another."""
    named = {MOLECULE: settings.molecule_model_folder, COMPOSITION: settings.composition_model_folder}
    materials = {name: folder for name, folder in named.items() if folder is not None}
    return PipelineTransfer(
        settings.base_models, None, settings.model_folder, settings.earlier_model_folders, materials
    )


@dataclass(frozen=True, slots=True)
class PipelineTransfer:
    """Implements Transfer.

    Attributes:
        base_models: Folders of substrates by name, beside the shipped one.
        field: Who competes; None: all that this version knows.
        model_folder: Folder of the substrate that jobs stand on unless they name one; None: the shipped one.
        earlier_folders: Folders of earlier substrates, beside the shipped ones, for refits.
        material_folders: Folders of the substrates of other materials than crystals by their names; one that is left
            out is the shipped one.
    """

    base_models: Mapping[str, Path]
    field: Field | None = None
    model_folder: Path | None = None
    earlier_folders: Sequence[Path] = ()
    material_folders: Mapping[str, Path] | None = None

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
        kind = next(iter(labels.kinds), MaterialKind.STRUCTURE)
        open_index = partial(open_vectors, VectorSettings())
        try:
            if kind is MaterialKind.STRUCTURE:
                outcome = run_transfer(request, tell, should_stop, self.field, open_index)
            else:
                features = self._features(kind, job.spec.base_model)
                outcome = run_material_transfer(request, kind, tell, should_stop, self.field, features)
        except SuspiciousLabelsError as error:
            raise LabelsStoppedError(error.message, suspicious=_suspicions(error.suspicious)) from error
        # A model that does not load here would not load in a replica: it never becomes a candidate.
        TransferModel.load(outcome.model)
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
            succession=_succession(outcome.succession),
            classification=outcome.classes,
        )

    def _features(self, kind: MaterialKind, base_model: str) -> MaterialFeatures:
        """On the substrate that a job names, else the present one of its kind.

        Raises ConfigurationError (CRYSTALS_ONLY, WRONG_SUBSTRATE) for a substrate of another kind, CheckpointError.
        """
        name = NAMES[kind]
        if not base_model:
            return MaterialFeatures.over(kind, MaterialCatalogue(self.material_folders or {}).open(name))
        folder = self.base_models[base_model]
        found = StoredSubstrate.of(folder).name
        if found != name:
            raise ConfigurationError(
                f"{base_model} is {found}, and the labels are of a {kind.value}: leave base_model empty for the "
                "substrate of that kind",
                reason="WRONG_SUBSTRATE" if found in NAMES.values() else "CRYSTALS_ONLY",
            )
        return MaterialFeatures.over(kind, MaterialCatalogue({name: folder}).open(name))

    def _request(self, spec: FineTuneSpec, labels: LabelTable, out: Path) -> TransferRequest:
        rows, readings = _rows(labels)
        base = self.base_models[spec.base_model] if spec.base_model else self.model_folder or shipped_model()
        return TransferRequest(
            name=spec.model_name,
            rows=rows,
            labels=labels.values[spec.target.name],
            definition=_definition(spec),
            out=out,
            low_fidelity={
                column.name: LowFidelityColumn(labels.values[column.name], spec.unit, column.fidelity, column.cost)
                for column in spec.low_fidelity
            },
            label_cost=spec.target.cost,
            transform=spec.transform.value,
            base=base,
            budget=TransferBudget(spec.budget.max_seconds, frozenset(spec.budget.strategies) or None),
            seed=spec.seed,
            peers=spec.peers,
            accept_suspicious=spec.accept_suspicious,
            readings=readings,
            predecessor=self._predecessor(spec.refit_of, base) if spec.refit_of else None,
            conditions={
                condition.name: ConditionColumn(labels.conditions[condition.name], condition.number_unit)
                for condition in spec.conditions
            },
            sides=labels.sides.get(spec.target.name),
            laws=spec.laws,
            are_classes=spec.are_classes,
        )

    def _predecessor(self, old: RefittedVersion, base: Path) -> Predecessor:
        """The version with its substrate, wherever on this machine that lies."""
        folders = (*self.earlier_folders, *self.base_models.values(), *shipped_models())
        catalogue = SubstrateCatalogue(load_artifact(base), folders)
        return Predecessor(old.version, old.base, old.strategy, old.shares, catalogue.of_digest(old.base_digest))


def _succession(found: SuccessionSection | None) -> Succession | None:
    if found is None:
        return None
    return Succession(
        found.version,
        found.base_model,
        found.strategy,
        found.n_splits,
        found.sentence,
        Verdict(found.verdict) if found.verdict else None,
        found.mae,
        found.new_mae,
        found.gain,
        _bounded(found.gain_low),
        _bounded(found.gain_high),
    )


def _bounded(end: float | None) -> float | None:
    """An end of an interval; None if it is unbounded."""
    return end if end is not None and math.isfinite(end) else None


def _suspicions(found: Sequence[SuspiciousLabel]) -> tuple[Suspicion, ...]:
    return tuple(Suspicion(entry.row, entry.id, entry.value, entry.kind.value, entry.message) for entry in found)


def _rows(
    labels: LabelTable,
) -> tuple[list[tuple[str, Structure | EpitaxyError]], dict[int, tuple[Reading, ...]]]:
    """The rows as a job takes them, and by position what reading took."""
    if labels.kinds <= {MaterialKind.STRUCTURE}:
        intakes = labels.read_intakes()
        return (
            [(name, read.structure if isinstance(read, Intake) else read) for name, read in intakes],
            {row: _readings(read) for row, (_, read) in enumerate(intakes) if isinstance(read, Intake)},
        )
    materials = labels.read_materials()
    return (
        [
            (name, Sample(read.kind, read.material).as_row() if isinstance(read, MaterialIntake) else read)
            for name, read in materials
        ],
        {row: _readings(read) for row, (_, read) in enumerate(materials) if isinstance(read, MaterialIntake)},
    )


def _readings(intake: Intake | MaterialIntake) -> tuple[Reading, ...]:
    findings: list[Repair | Note] = [*intake.repairs, *intake.notes]
    return tuple(Reading(one.code, one.message, one.code in DOUBTFUL_CODES) for one in findings)


def _definition(spec: FineTuneSpec) -> PropertyDefinition:
    """The property; labels of unstated origin count as measured."""
    target = spec.target
    level = target.level_of_theory or (_NOT_STATED if target.fidelity is None else target.fidelity.value)
    if spec.are_classes:
        description = f"probability that {spec.property_name} is 1, learned from the tenant's labels"
        fidelity = target.fidelity or Fidelity.EXPERIMENT
        return PropertyDefinition(spec.property_name, spec.unit, fidelity, level, description, 0.0, 1.0)
    description = f"{spec.property_name}, learned from the tenant's labels"
    return PropertyDefinition(spec.property_name, spec.unit, target.fidelity or Fidelity.EXPERIMENT, level, description)
