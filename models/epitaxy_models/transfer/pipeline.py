"""A tenant's job from rows to a judged model and its report."""

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import load_artifact
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.transfer.audit.examination import Examination, OpenVectors, in_process
from epitaxy_models.transfer.contest.comparison import SCRATCH, Comparison, Contest, Task
from epitaxy_models.transfer.contest.cross_validation import StoppedError
from epitaxy_models.transfer.contest.fidelity_gain import FidelityGain, fidelity_gains, mean_gain
from epitaxy_models.transfer.contest.field import Field, default_field, material_field, with_columns
from epitaxy_models.transfer.contest.judge import Judgement, judge
from epitaxy_models.transfer.contest.learning_curve import learning_curves
from epitaxy_models.transfer.contest.stacking import STACK, stack_weights
from epitaxy_models.transfer.contest.succession import Refitted, judge_succession
from epitaxy_models.transfer.fidelities.filling import is_known, without_columns
from epitaxy_models.transfer.fitted.card import KnownColumn, TransferCard
from epitaxy_models.transfer.fitted.class_calibration import calibrated_classes
from epitaxy_models.transfer.fitted.fidelity_states import StateCalibration, calibrate_states, joined_members
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.fitted.refit import N_MEMBERS, Calibration, Refit, calibrated, refit
from epitaxy_models.transfer.ground import Ground, SubstrateGround
from epitaxy_models.transfer.inputs import LOW_FIDELITY_PREFIX, PEER_PREFIX
from epitaxy_models.transfer.kinds.facts import kind_facts
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.ground import MaterialGround
from epitaxy_models.transfer.labels.digest import labels_digest
from epitaxy_models.transfer.labels.judging import robust_deviation
from epitaxy_models.transfer.labels.target import TransformKind
from epitaxy_models.transfer.peers import KINDS, check_peers
from epitaxy_models.transfer.physics.catalogue import laws_of, suited_law
from epitaxy_models.transfer.physics.label_scale import LabelScale
from epitaxy_models.transfer.physics.limits import KnownOrder, orders_of, with_limits
from epitaxy_models.transfer.records import FidelitySection, LearningCurve, SuccessionSection, TransferReport
from epitaxy_models.transfer.report.assembly import Findings, assemble
from epitaxy_models.transfer.report.fidelities import fidelity_section
from epitaxy_models.transfer.report.page import render_page
from epitaxy_models.transfer.report.sentence import class_sentence, suspicion_sentence, verdict_sentence
from epitaxy_models.transfer.request import (
    OnEvent,
    ShouldStop,
    TransferEvent,
    TransferOutcome,
    TransferRequest,
    TransferStage,
)
from epitaxy_models.transfer.splits import grouped_folds, n_folds_for
from epitaxy_models.transfer.strategies.block_gp import KIND as DEFAULT
from epitaxy_models.transfer.strategies.block_gp import WITHOUT_PEERS
from epitaxy_models.transfer.strategies.bound import Bound
from epitaxy_models.transfer.strategies.fitted_physics import KIND as PHYSICS
from epitaxy_models.transfer.strategies.laws import LawColumn
from epitaxy_models.transfer.strategies.median import KIND as MEDIAN

MODEL, REPORT_JSON, REPORT_HTML = "model", "report.json", "report.html"
_N_REPEATS = 3
# Predictions that vary by less than this share of the labels' spread.
_CONSTANT = 0.01
# Share of the error by which cheaper values may raise it out of fold: less than that is noise.
_HARM = 0.01
# Refits, curves and the report need time after the comparison.
_SHARE_FOR_COMPARISON = 0.7


def run_transfer(
    request: TransferRequest,
    on_event: OnEvent = lambda event: None,
    should_stop: ShouldStop = lambda: False,
    field: Field | None = None,
    open_vectors: OpenVectors = in_process,
) -> TransferOutcome:
    """Checks, audits, compares, judges, fits, calibrates and reports.

    Everything is written beside ``request.out`` and moved there as a whole: a job that is killed leaves no model.
    ``field`` names other competitors than this version's, ``open_vectors`` another place to search the source.
    Raises StoppedError soon after ``should_stop`` says so, ConfigurationError if the rows make no model,
    CheckpointError if the substrate cannot be read.
    """
    check_peers(request.peers, MaterialKind.STRUCTURE)
    artifact = load_artifact(request.base)
    field = field or default_field(artifact, with_peers=bool(request.peers))
    return _Job(request, SubstrateGround(artifact, open_vectors), on_event, should_stop, field).run()


def run_material_transfer(
    request: TransferRequest,
    kind: MaterialKind,
    on_event: OnEvent = lambda event: None,
    should_stop: ShouldStop = lambda: False,
    field: Field | None = None,
    features: MaterialFeatures | None = None,
) -> TransferOutcome:
    """The same for compositions, molecules and polymers, on the substrate of their kind.

    The rows of the request are ``Sample`` of that kind; ``features`` stand on another substrate than the shipped one,
    and ``request.base`` is not read. Raises as ``run_transfer``, and ConfigurationError (CRYSTALS_ONLY) for columns of
    cheaper values, peers of crystals, refits, and networks alone.
    """
    foreign = [peer for peer in request.peers if kind not in KINDS.get(peer, ())]
    others = " and ".join(foreign) or "peers of crystals"
    if request.low_fidelity or foreign or request.predecessor:
        raise ConfigurationError(
            f"columns of cheaper values, {others} and refits are for crystals only, and the labels are of a "
            f"{kind.value}: leave them out",
            reason="CRYSTALS_ONLY",
        )
    ground = MaterialGround(replace(features or MaterialFeatures.shipped(kind), peers=tuple(request.peers)))
    field = (field or material_field(kind, with_peers=bool(request.peers))).asked_for(request.budget.strategies)
    return _Job(request, ground, on_event, should_stop, _named_by(field, request, kind)).run()


def _named_by(field: Field, request: TransferRequest, kind: MaterialKind) -> Field:
    """The field. Raises ConfigurationError if the request names none of it."""
    names = (*field.named(), *(entry.name for entry in field.heads), PHYSICS, STACK)
    if not any(request.budget.allows(name) for name in names):
        raise ConfigurationError(
            f"no network is trained on a {kind.value}, and the job names networks alone: choose from "
            f"{', '.join(names)}",
            reason="CRYSTALS_ONLY",
        )
    return field


@dataclass(frozen=True, slots=True, eq=False)
class _Winner:
    """What serves, fitted and calibrated."""

    shares: Mapping[str, float]
    fit: Refit
    calibration: Calibration


@dataclass(frozen=True, slots=True, eq=False)
class _States:
    """What serves rows with and without a cheaper value.

    Attributes:
        winner: Both, joined.
        task: Of the side that serves rows with a value: it has no columns where these buy nothing.
        comparison: Of that side.
        judgement: On that side.
        calibration: Of each state.
        gains: What each column buys.
    """

    winner: _Winner
    task: Task
    comparison: Comparison
    judgement: Judgement
    calibration: StateCalibration
    gains: tuple[FidelityGain, ...]


class _Job:
    """One run; holds what all of its steps read."""

    def __init__(
        self,
        request: TransferRequest,
        ground: Ground,
        on_event: OnEvent,
        should_stop: ShouldStop,
        field: Field,
    ) -> None:
        self._request, self._ground, self._field = request, ground, field
        self._on_event, self._should_stop = on_event, should_stop
        self._orders: tuple[KnownOrder, ...] = ()
        self._end = time.monotonic() + request.budget.max_seconds

    def run(self) -> TransferOutcome:
        self._tell(TransferStage.AUDITING, 0.0, "checking rows")
        examination = self._ground.examine(self._request)
        self._go_on()
        self._learn_laws(examination)
        if self._request.are_classes:
            self._field = _able(self._field.for_classes(), self._request)
        kin = () if self._request.are_classes else self._ground.kin(self._request, examination)
        self._field = self._field.told(examination.replicate_std, kin)
        plain_field = self._field
        if examination.filling:
            self._field = with_columns(self._field, examination.filling, Bound.find(examination.targets))
        if examination.inputs.sides is not None:
            plain_field, self._field = plain_field.with_bounds(), self._field.with_bounds()
        task = self._task(examination)
        comparison = self._compare(task)
        candidates = comparison.candidates(self._request.budget.allows)
        judgement = judge(candidates, task.test_ratio, median=MEDIAN, default=self._default(comparison))
        self._tell(TransferStage.TRAINING, 0.75, f"fitting {judgement.chosen} on all labels", comparison.maes())
        winner = self._fit(judgement, comparison, task)
        states = self._states(examination, task, comparison, judgement, winner, plain_field)
        if states:
            winner, task, comparison, judgement = states.winner, states.task, states.comparison, states.judgement
        self._tell(TransferStage.EVALUATING, 0.85, "measuring learning curves", comparison.maes())
        curves = learning_curves(task, comparison, self._field.frozen, self._should_stop)
        succession = self._succession(task, comparison, judgement, examination)
        model = self._model(examination, judgement, comparison, winner)
        found = Findings(self._request, self._ground.base.name, task, examination, comparison, judgement)
        report = assemble(found, winner.calibration, winner.fit.blocks, curves, model.card.verdict_reason)
        report = replace(report, succession=succession)
        if states:
            report = replace(report, fidelities=self._fidelities(examination, states, curves, judgement))
        self._go_on()
        return self._publish(model, report, judgement, examination)

    def _learn_laws(self, examination: Examination) -> None:
        """Bounds of the property, the order of its answers, and a competitor for a law that the conditions allow."""
        request = self._request
        if request.are_classes:
            return
        definition = request.definition
        units = {entry.name: entry.unit for entry in examination.conditions if not entry.is_category}
        laws = laws_of(request.laws, units, request.low_fidelity, definition.name)
        self._orders = orders_of(laws)
        self._request = replace(request, definition=with_limits(definition, laws, examination.labels))
        law = next(iter(laws), None) or suited_law(definition.name, units)
        if law is not None:
            self._field = self._field.with_law(law, LabelScale.of(examination.transform, definition.unit))

    def _task(self, examination: Examination) -> Task:
        inputs, transform = examination.inputs, examination.transform
        limits = self._request.definition
        low = -np.inf if limits.lower_bound is None else limits.lower_bound
        high = np.inf if limits.upper_bound is None else limits.upper_bound

        def to_unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.clip(transform.inverse(values), low, high)

        seed = self._request.seed
        are_classes = self._request.are_classes
        strata = examination.labels.astype(np.int64) if are_classes else None
        splits = grouped_folds(inputs.formulas, seed, _N_REPEATS, strata=strata)
        n_folds = n_folds_for(inputs.n_rows, len(set(inputs.formulas)))
        is_same = transform.kind is TransformKind.NONE
        return Task(
            inputs,
            examination.labels,
            examination.targets,
            to_unit,
            splits,
            n_folds,
            seed,
            None if is_same else transform.forward,
            are_classes,
        )

    def _default(self, comparison: Comparison) -> str:
        """A mean of what the labels cannot tell apart has the least risk; another network has to earn its place."""
        preferred = self._field.preferred
        if preferred in comparison.validations and self._request.budget.allows(preferred):
            return preferred
        if STACK in comparison.validations:
            return STACK
        return WITHOUT_PEERS if self._request.peers else DEFAULT

    def _compare(self, task: Task) -> Comparison:
        """Frozen strategies always, as they are the references; networks where the budget lets them."""
        left = self._end - time.monotonic()
        contest = Contest(task, self._end - (1 - _SHARE_FOR_COMPARISON) * left, self._should_stop)
        allows, frozen = self._request.budget.allows, self._field.frozen
        wanted = [entry for entry in self._field.costly if allows(entry.name)]
        # A network is judged against one from scratch, whether that one may serve or not.
        costly = [entry for entry in self._field.costly if entry in wanted or (wanted and entry.name == SCRATCH)]
        for number, strategy in enumerate((*frozen, *costly)):
            done = 0.1 + 0.65 * number / (len(frozen) + len(costly))
            self._tell(TransferStage.TRAINING, done, f"comparing {strategy.name}")
            if number < len(frozen):
                contest.add(strategy)
            else:
                contest.add_if_time_allows(strategy)
        if allows(STACK):
            contest.stack(self._stackable(), self._field.laws, self._field.prior)
        return contest.finish()

    def _succession(
        self, task: Task, comparison: Comparison, judgement: Judgement, examination: Examination
    ) -> SuccessionSection | None:
        """The verdict on a refit; None for any other job."""
        request, old = self._request, self._request.predecessor
        if old is None:
            return None
        self._tell(TransferStage.EVALUATING, 0.9, f"comparing with version {old.version}", comparison.maes())
        unit = "(Brier score)" if request.are_classes else request.definition.unit
        has_peers = bool(request.peers)
        base = self._ground.base
        new = Refitted(f"{base.name}:{base.version}", task, comparison, judgement.chosen, unit, has_peers)
        kin: tuple[LawColumn, ...] = ()
        if old.substrate is not None and not request.are_classes:
            kin = SubstrateGround(old.substrate, in_process).kin(request, examination)
        return judge_succession(old, new, self._end, self._should_stop, examination.replicate_std, kin)

    def _stackable(self) -> list[str]:
        """Names of what a stack may hold: no constant, nothing that reads another network, none of fewer splits."""
        left_out = {MEDIAN, DEFAULT} if self._request.peers else {MEDIAN}
        names = (entry.name for entry in self._field.frozen)
        return [name for name in names if name not in left_out and self._request.budget.allows(name)]

    def _fit(self, judgement: Judgement, comparison: Comparison, task: Task) -> _Winner:
        shares = {judgement.chosen: 1.0}
        if judgement.chosen == STACK:
            names = [name for name in self._stackable() if name in comparison.validations]
            parts = [comparison.validations[name] for name in names]
            told = task.targets, task.splits, task.inputs.sides, self._field.laws
            found = stack_weights(parts, *told, are_classes=task.are_classes, prior=self._field.prior)
            shares = dict(found.shares)
        validation = comparison.validations[judgement.chosen]
        n_members = self._n_members(validation.seconds / len(validation.parts))
        fits = refit(shares, self._field.named(), task, n_members, self._should_stop)
        if task.are_classes:
            return _Winner(shares, fits, calibrated_classes(judgement.chosen, comparison.validations, task))
        return _Winner(shares, fits, calibrated(validation, task))

    def _states(
        self,
        examination: Examination,
        task: Task,
        comparison: Comparison,
        judgement: Judgement,
        winner: _Winner,
        plain_field: Field,
    ) -> "_States | None":
        """The winner for rows whose cheaper value is known, joined with the best model that never saw one."""
        if examination.filling is None:
            return None
        columns_field, self._field = self._field, replace(plain_field, costly=())
        plain_task = replace(task, inputs=without_columns(task.inputs))
        plain = self._compare(plain_task)
        candidates = plain.candidates(self._request.budget.allows)
        judged = judge(candidates, task.test_ratio, median=MEDIAN, default=self._default(plain))
        other = self._fit(judged, plain, plain_task)
        self._field = columns_field
        known = is_known(task.inputs)
        rows = {
            model.name: task.inputs.blocks[f"{LOW_FIDELITY_PREFIX}{model.name}"][:, 1] > 0
            for model in examination.filling.models
        }
        errors = comparison.errors[judgement.chosen], plain.errors[judged.chosen]
        best = min(self._field.frozen, key=lambda entry: comparison.maes().get(entry.name, np.inf))
        gains = fidelity_gains(task, rows, *errors, best, self._should_stop)
        validations = comparison.validations[judgement.chosen], plain.validations[judged.chosen]
        sides = winner, comparison, judgement, task
        # Values that harm are left alone: known or not, a candidate is answered by the model without them.
        if mean_gain(task, known, *errors) < -_HARM * plain.maes()[judged.chosen]:
            validations, sides = (validations[1], validations[1]), (other, plain, judged, plain_task)
        first, served, decided, task = sides
        calibration = calibrate_states(*validations, task, known)
        members = joined_members(examination.filling, first.fit.members, other.fit.members, calibration.scale)
        joined = replace(first, fit=replace(first.fit, members=members), calibration=calibration.calibration)
        return _States(joined, task, served, decided, calibration, gains)

    def _fidelities(
        self, examination: Examination, states: "_States", curves: Sequence[LearningCurve], judgement: Judgement
    ) -> FidelitySection:
        request, models = self._request, examination.filling.models if examination.filling else ()
        curve = next((entry for entry in curves if entry.strategy == judgement.chosen), None)
        return fidelity_section(
            request.low_fidelity,
            models,
            states.gains,
            states.calibration.coverage,
            curve or next(iter(curves), None),
            request.label_cost,
            request.definition.unit,
        )

    def _n_members(self, seconds_a_fit: float) -> int:
        """As many as the budget lets, one at least."""
        left = max(self._end - time.monotonic(), 0.0)
        return int(np.clip(left / max(seconds_a_fit, 1e-9), 1, N_MEMBERS))

    def _model(
        self,
        examination: Examination,
        judgement: Judgement,
        comparison: Comparison,
        winner: _Winner,
    ) -> TransferModel:
        request, ground, inputs = self._request, self._ground, examination.inputs
        card = TransferCard(
            name=request.name,
            base=ground.base,
            definition=request.definition,
            transform=examination.transform,
            strategy=judgement.chosen,
            calibration=winner.calibration.record,
            verdict=judgement.verdict,
            verdict_reason=self._sentence(judgement, examination, winner),
            maes=comparison.maes(),
            n_labels=inputs.n_rows,
            known_columns=tuple(self._known_column(name, examination) for name in request.low_fidelity),
            peers=tuple(peer for peer in request.peers if f"{PEER_PREFIX}{peer}" in winner.fit.blocks),
            conditions=examination.conditions,
            orders=self._orders,
            link=winner.calibration.classes.link if winner.calibration.classes else None,
            training={
                "seed": request.seed,
                "fidelity_models": ground.fidelity_digest,
                # A card of crystals is the same as it always was.
                **kind_facts(ground.kind, inputs.structures),
                "shares": dict(winner.shares),
                "is_calibrated": winner.calibration.is_kept,
                **({"classes": asdict(winner.calibration.classes.quality)} if winner.calibration.classes else {}),
                "is_constant": _is_constant(judgement, winner, examination),
                "suspicious_labels": [asdict(entry) for entry in examination.suspicious],
                "accepted_suspicious": bool(examination.gross),
                "n_rows": len(request.rows),
                "labels_digest": labels_digest(
                    examination.row_ids, inputs.structures, examination.labels, inputs.conditions, inputs.sides
                ),
                "split": f"cross-validation by reduced formula, {_N_REPEATS} repeats, seed {request.seed}",
                "elements": sorted({int(z) for structure in inputs.structures for z in structure.atomic_numbers}),
            },
        )
        return TransferModel.of(card, winner.fit.members, ground.domain(inputs))

    def _sentence(self, judgement: Judgement, examination: Examination, winner: _Winner) -> str:
        definition, classes = self._request.definition, winner.calibration.classes
        n_labels, n_rows = examination.inputs.n_rows, examination.data.n_rows
        name, unit = definition.name, definition.unit
        text = verdict_sentence(judgement, name, unit, n_labels, n_rows, are_classes=bool(classes))
        if classes:
            text += class_sentence(classes.quality)
        return text + suspicion_sentence(examination.suspicious)

    def _known_column(self, name: str, examination: Examination) -> KnownColumn:
        column = self._request.low_fidelity[name]
        # A column of which too little is known to stand in for a value is needed if every label came with it.
        is_required = examination.filling is None and bool(np.isfinite(column.values[examination.rows]).all())
        return KnownColumn(name, is_required, column.unit, column.fidelity)

    def _publish(
        self, model: TransferModel, report: TransferReport, judgement: Judgement, examination: Examination
    ) -> TransferOutcome:
        out = self._request.out
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        try:
            model.save(staging / MODEL)
            (staging / REPORT_JSON).write_text(report.as_json(), encoding="utf-8")
            (staging / REPORT_HTML).write_text(render_page(report), encoding="utf-8")
            _replace(staging, out)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self._tell(TransferStage.EVALUATING, 1.0, report.verdict.sentence, model.card.maes)
        return TransferOutcome(
            verdict=judgement.verdict,
            transfer_verdict=judgement.transfer_verdict,
            chosen=judgement.chosen,
            maes=model.card.maes,
            sentence=report.verdict.sentence,
            is_calibrated=report.verdict.is_calibrated,
            report=report.as_record(),
            report_json=out / REPORT_JSON,
            report_html=out / REPORT_HTML,
            model=out / MODEL,
            digest=model.digest,
            is_constant=model.card.is_constant,
            suspicious=examination.suspicious,
            succession=report.succession,
            classes=report.classes,
        )

    def _tell(
        self, stage: TransferStage, fraction: float, message: str, metrics: Mapping[str, float] | None = None
    ) -> None:
        self._on_event(TransferEvent(stage, fraction, message, metrics or {}))

    def _go_on(self) -> None:
        if self._should_stop():
            raise StoppedError("the job was stopped before its model was written", reason="STOPPED")


def _able(field: Field, request: TransferRequest) -> Field:
    """The field. Raises ConfigurationError if the request names none of it."""
    able = [name for name in (*field.named(), STACK) if request.budget.allows(name)]
    if not able:
        raise ConfigurationError(
            f"none of the strategies asked for can learn classes: choose from {', '.join((*field.named(), STACK))}",
            reason="NOT_FOR_CLASSES",
        )
    return field


def _is_constant(judgement: Judgement, winner: _Winner, examination: Examination) -> bool:
    """Whether what serves knows no more than a constant: by name, or by predictions that do not vary."""
    values, _ = winner.calibration.predictions.means()
    spread = robust_deviation(examination.targets) or float(np.ptp(examination.targets))
    return judgement.chosen == MEDIAN or float(values.std()) < _CONSTANT * spread


def _replace(staging: Path, out: Path) -> None:
    """Moves a finished folder into place; what an earlier run left there goes first out of the way."""
    staging.chmod(0o755)
    if out.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent)) / "old"
        out.rename(old)
        staging.replace(out)
        shutil.rmtree(old.parent, ignore_errors=True)
        return
    staging.replace(out)
