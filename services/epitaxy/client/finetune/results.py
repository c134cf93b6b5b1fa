"""What is known of a fine-tune job: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

ENDED_STATES = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job has come.

    Attributes:
        fraction: Part of the job that is done, 0 to 1.
        message: One line for a person; may be empty.
        metrics: Metrics so far, by name with unit.
        remaining_seconds: Expected time until the end of the job; None while nothing is known yet.
    """

    fraction: float
    message: str
    metrics: Mapping[str, float]
    remaining_seconds: float | None


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One step of a job.

    Attributes:
        sequence: Number of the event, counted from 1 in each job.
        create_time: When it happened, UTC.
        state: State of the job after the event; see ``JobStatus.state``.
        progress: How far the job has come.
    """

    sequence: int
    create_time: datetime | None
    state: str
    progress: JobProgress

    @property
    def fraction(self) -> float:
        """Part of the job that is done, 0 to 1."""
        return self.progress.fraction

    def in_words(self) -> str:
        """State and progress in one line: ``"TRAINING 40%, fold 2 of 5, 12 s left"``."""
        left = self.progress.remaining_seconds
        parts = [self.progress.message, "" if left is None else f"{left:.0f} s left"]
        return ", ".join([f"{self.state} {self.fraction:.0%}", *filter(None, parts)])


@dataclass(frozen=True, slots=True)
class SuspiciousLabel:
    """A label to look at, or a finding about all labels.

    Attributes:
        row: Position in the label table, from 0; None for a finding about all labels.
        id: Id of the row.
        value: The label; None for a finding about all labels.
        kind: ``"WILD"`` and ``"WRONG_UNIT"`` stop a job unless they are accepted; ``"OUTLIER"`` and ``"REPLICATES"`` do
            not.
        message: One line with row and value.
    """

    row: int | None
    id: str
    value: float | None
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job made no model.

    Attributes:
        reason: Stable upper-case code, such as ``TOO_FEW_USABLE_LABELS``.
        message: What is wrong and what to do about it.
        suspicious: Labels to look at, the gravest first; filled for ``SUSPICIOUS_LABELS``.
    """

    reason: str
    message: str
    suspicious: tuple[SuspiciousLabel, ...] = ()


# Strategies that need hardly a fit, as the service names them. The head and the line read the shipped models of
# cheaper levels of theory too.
SIMPLE_STRATEGIES = ("substrate_head", "substrate_line", "pool_median")


@dataclass(frozen=True, slots=True)
class BestSimple:
    """What a user gets with hardly a fit, for a comparison.

    Attributes:
        strategy: ``"substrate_head"``, the base model's answer or that of a shipped model of a cheaper level of theory,
            unchanged; ``"substrate_line"``, a line on the best of them; or ``"pool_median"``, the median of the labels.
        error: Cross-validated mean absolute error, in the property's unit.
    """

    strategy: str
    error: float


@dataclass(frozen=True, slots=True)
class Succession:
    """A refit against the version that it may replace, both out of fold on the same splits.

    Attributes:
        model_version: The version that it may replace.
        base_model: ``"NAME:VERSION"`` of the shared model under that version.
        strategy: What that version serves with.
        n_splits: Splits that both predicted; 0 if they were not compared.
        sentence: The verdict in one sentence, or why they were not compared.
        verdict: What the refit does to the error: ``"HELPS"``, ``"NEUTRAL"`` or ``"HURTS"``; empty if not compared.
        mae: Mean absolute error of that version's process, in the property's unit; None if not compared.
        new_mae: The refit's.
        gain: The first less the second, paired row by row: positive where the refit is better.
        gain_low: Lower end of its interval at 95 %; None if it is unbounded.
        gain_high: Upper end.
    """

    model_version: str
    base_model: str
    strategy: str
    n_splits: int
    sentence: str
    verdict: str = ""
    mae: float | None = None
    new_mae: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows that were given much the same probability.

    Attributes:
        n_rows: Number of rows.
        probability: Their mean probability.
        share: Share of ones among them.
        share_low: Lower end of the interval of that share at 95 %.
        share_high: Upper end of the interval of that share at 95 %.
    """

    n_rows: int
    probability: float
    share: float
    share_low: float
    share_high: float


@dataclass(frozen=True, slots=True)
class ClassificationQuality:
    """Probabilities of what serves against labels that are 0 or 1, out of fold.

    Attributes:
        n_zeros: Labels that are 0.
        n_ones: Labels that are 1.
        auc: How often a 1 is ranked before a 0; one half by chance.
        auc_low: Lower end of its interval at 95 %.
        auc_high: Upper end of its interval at 95 %.
        brier: Brier score: mean squared difference of probability and label, by which strategies are compared.
        constant_brier: Brier score of the share of ones, given to every row.
        log_loss: Mean negative log-likelihood, in nats.
        calibration_error: Mean distance of probability and share of ones over the bins, weighed by rows.
        expected_calibration_error: What chance alone makes of it with so many labels.
        calibration_p_value: Of Spiegelhalter's test of calibration.
        reliability: Bins by ascending probability.
        cross_validated_brier: Brier score of each strategy, the smallest first.
        cross_validated_auc: AUC of each strategy, the largest first.
    """

    n_zeros: int
    n_ones: int
    auc: float
    auc_low: float
    auc_high: float
    brier: float
    constant_brier: float
    log_loss: float
    calibration_error: float
    expected_calibration_error: float
    calibration_p_value: float
    reliability: tuple[ReliabilityBin, ...]
    cross_validated_brier: Mapping[str, float]
    cross_validated_auc: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FineTuneResult:
    """What a job made, and how good it is.

    Attributes:
        model: Name of the model.
        model_version: Version of the model.
        model_digest: ``"sha256:..."`` of the weights and the card.
        verdict: What transfer does to the error: ``"HELPS"``, ``"NEUTRAL"`` or ``"HURTS"``.
        strategy: The winning strategy, which the model was refitted with.
        cross_validated_mae: Mean absolute error of each strategy, in the property's unit, the smallest first. Empty for
            classification.
        is_calibrated: True if the intervals hold what they promise; for classification if the probabilities do.
        served_as: ``"TENANT/NAME"``: the name under which predictions ask for the model once it is promoted.
        sentence: The verdict in one sentence, with the labels to look at.
        is_constant: True if the model knows no more than a constant.
        suspicious: Labels to look at, the gravest first.
        succession: The refit against the version that it may replace; None unless the job was a refit.
        classification: What the probabilities are worth; None unless the labels are 0 or 1.
    """

    model: str
    model_version: str
    model_digest: str
    verdict: str
    strategy: str
    cross_validated_mae: Mapping[str, float]
    is_calibrated: bool
    served_as: str
    sentence: str = ""
    is_constant: bool = False
    suspicious: tuple[SuspiciousLabel, ...] = ()
    succession: Succession | None = None
    classification: ClassificationQuality | None = None

    @property
    def scores(self) -> Mapping[str, float]:
        """What strategies were compared by: mean absolute errors, or Brier scores for classification."""
        return self.classification.cross_validated_brier if self.classification else self.cross_validated_mae

    @property
    def best_simple(self) -> BestSimple | None:
        """The best of head, line and median; None if the job compared none of them."""
        errors = self.scores
        found = [BestSimple(name, errors[name]) for name in SIMPLE_STRATEGIES if name in errors]
        return min(found, key=lambda entry: entry.error, default=None)


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job at one moment.

    Attributes:
        id: Id of the job.
        model: Name of the model that the job adds a version to.
        property_name: Name of the property.
        unit: Unit of the labels.
        column: The column that is learned.
        state: ``"PENDING"``, ``"AUDITING"``, ``"TRAINING"``, ``"EVALUATING"``, ``"SUCCEEDED"``, ``"FAILED"`` or
            ``"CANCELLED"``.
        progress: How far the job has come.
        create_time: When the job was created, UTC.
        start_time: When the work began, UTC; None while the job waits.
        end_time: When the job ended, UTC; None until then.
        n_rows: Rows in the label table.
        n_labels: Rows that have a value of the target.
        attempts: How often the work was begun: more than once if workers were lost.
        failure: Why the job FAILED; None in any other state.
        result: What the job made; None unless it SUCCEEDED.
        refit_of: Version that the job refits; empty for any other job.
        task: What the labels are: ``"regression"`` or ``"classification"``.
    """

    id: str
    model: str
    property_name: str
    unit: str
    column: str
    state: str
    progress: JobProgress
    create_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    n_rows: int
    n_labels: int
    attempts: int
    failure: JobFailure | None
    result: FineTuneResult | None
    refit_of: str = ""
    task: str = "regression"

    @property
    def has_ended(self) -> bool:
        """True if nothing follows."""
        return self.state in ENDED_STATES


@dataclass(frozen=True, slots=True)
class DeletedData:
    """How much of a tenant's data was removed.

    Attributes:
        n_jobs: Jobs, with their labels and reports.
        n_models: Models, with all versions.
    """

    n_jobs: int
    n_models: int
