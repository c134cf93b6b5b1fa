"""What a tenant asks for: model, property, label columns, budget. Validated when built."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.tables.conditions import CATEGORY
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.transfer.names import LAWS, PEERS, STRATEGIES

MIN_LABELS = 10
MAX_STRATEGIES = 16
MAX_COLUMNS = 9
MAX_CONDITIONS = 8
MAX_LAWS = 8

# The same as in epitaxy.chassis.model_names.
_MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PROPERTY_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMN_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_UNIT = re.compile(r"[^\x00-\x1f\x7f]{1,32}")


class Transform(StrEnum):
    """The scale on which the labels are learned."""

    NONE = "none"
    LOG10 = "log10"
    LOG1P = "log1p"
    AUTO = "auto"


class LearningTask(StrEnum):
    """What the labels are."""

    AUTO = "auto"
    """Told by the column: classes where its cells are truth values."""
    REGRESSION = "regression"
    CLASSIFICATION = "classification"
    """0 or 1; the model answers with the probability of a 1."""


NO_UNIT = "1"


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """One column of labels.

    Attributes:
        name: Name of the column in the label table.
        fidelity: Level of theory or kind of measurement; None: not stated.
        level_of_theory: The same in full.
        cost: Cost of one label, in a unit that all columns share; 0: not known.
    """

    name: str
    fidelity: Fidelity | None = None
    level_of_theory: str = ""
    cost: float = 0.0

    def __post_init__(self) -> None:
        _match(_COLUMN_NAME, "name", self.name, "a column name has 1 to 128 printable characters")
        if not (math.isfinite(self.cost) and self.cost >= 0):
            raise InvalidRequestError.of_field("cost", f"is {self.cost:g}; give 0 or more")


@dataclass(frozen=True, slots=True)
class LabelCondition:
    """A condition under which labels were measured.

    Attributes:
        name: Name of the column in the label table.
        unit: Unit of the numbers; empty: not stated; ``"category"``: the cells are words.
    """

    name: str
    unit: str = ""

    def __post_init__(self) -> None:
        _match(_COLUMN_NAME, "spec.conditions.name", self.name, "a column name has 1 to 128 printable characters")
        if self.unit:
            _match(_UNIT, "spec.conditions.unit", self.unit, "name the unit of the numbers, or leave it empty")

    @property
    def number_unit(self) -> str:
        """Unit of numbers; empty where none is stated."""
        return "" if self.unit == CATEGORY else self.unit


@dataclass(frozen=True, slots=True)
class Budget:
    """What a job may spend.

    Attributes:
        max_seconds: Longest run time, seconds.
        strategies: Names of the strategies to compare; empty: all that are worthwhile.
        use_gpu: Whether the job waits for a GPU.
    """

    max_seconds: float
    strategies: tuple[str, ...] = ()
    use_gpu: bool = False

    def __post_init__(self) -> None:
        if not self.max_seconds > 0:
            raise InvalidRequestError.of_field("spec.budget.max_duration", "must be positive")
        if len(self.strategies) > MAX_STRATEGIES:
            raise InvalidRequestError.of_field("spec.budget.strategies", f"has more than {MAX_STRATEGIES} names")
        for name in self.strategies:
            _check_known("spec.budget.strategies", name, STRATEGIES)


@dataclass(frozen=True, slots=True)
class RefittedVersion:
    """The version that a refit may replace, as it was when the refit was asked for.

    Attributes:
        version: Its number.
        base: ``NAME:VERSION`` of the substrate that it was fitted on.
        base_digest: Digest of that substrate's weights.
        strategy: What it serves with.
        shares: Strategies in it with their weights.
    """

    version: str
    base: str
    base_digest: str
    strategy: str
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FineTuneSpec:
    """What to learn, everything but the labels.

    Attributes:
        model_name: A job adds a version to the tenant's model of this name.
        property_name: Name of the property, in snake case.
        unit: Unit of all label columns.
        target: The column to learn.
        budget: What the job may spend.
        low_fidelity: Columns of cheaper values, empty where unknown.
        base_model: Name of the substrate; empty: the shipped one.
        transform: Scale on which the labels are learned.
        seed: Seed of every random choice.
        peers: Other pretrained networks whose features are read too.
        accept_suspicious: Whether to go on in spite of gross errors, without wild labels.
        refit_of: The version that this job refits; None for any other job.
        conditions: Conditions under which the labels were measured.
        laws: Laws that the property keeps, each one of ``LAWS``.
        task: What the labels are; of a job, never AUTO.
    """

    model_name: str
    property_name: str
    unit: str
    target: LabelColumn
    budget: Budget
    low_fidelity: tuple[LabelColumn, ...] = ()
    base_model: str = ""
    transform: Transform = Transform.AUTO
    seed: int = 0
    peers: tuple[str, ...] = ()
    accept_suspicious: bool = False
    refit_of: RefittedVersion | None = None
    conditions: tuple[LabelCondition, ...] = ()
    laws: tuple[str, ...] = ()
    task: LearningTask = LearningTask.REGRESSION

    def __post_init__(self) -> None:
        check_model_name(self.model_name, "spec.model_name")
        _match(
            _PROPERTY_NAME, "spec.property_name", self.property_name, "give snake case, such as critical_temperature"
        )
        if self.unit or self.task is not LearningTask.AUTO:
            _match(_UNIT, "spec.unit", self.unit, "name the unit of the labels, 1 for none")
        if len(self.peers) > len(PEERS):
            raise InvalidRequestError.of_field("spec.peers", f"names more than the {len(PEERS)} peers that there are")
        for peer in self.peers:
            _check_known("spec.peers", peer, PEERS)
        if len(set(self.peers)) < len(self.peers):
            raise InvalidRequestError.of_field("spec.peers", "names a peer twice")
        names = self.columns
        if len(names) > MAX_COLUMNS:
            raise InvalidRequestError.of_field("spec.low_fidelity", f"has more than {MAX_COLUMNS - 1} columns")
        if len(set(names)) < len(names):
            raise InvalidRequestError.of_field("spec.low_fidelity", "names a column twice, or the target")
        self._check_conditions()
        self._check_laws()
        if self.are_classes:
            self._check_classes()

    @property
    def are_classes(self) -> bool:
        """Whether the labels are 0 or 1."""
        return self.task is LearningTask.CLASSIFICATION

    def resolved(self, *, is_boolean: bool) -> "FineTuneSpec":
        """The specification once the column is known; ``is_boolean`` if its cells are truth values.

        Raises InvalidRequestError for what classes cannot have, or for numbers without a unit.
        """
        if self.task is not LearningTask.AUTO:
            return self
        if is_boolean:
            return replace(self, task=LearningTask.CLASSIFICATION, unit=self.unit or NO_UNIT)
        return replace(self, task=LearningTask.REGRESSION)

    def _check_classes(self) -> None:
        if self.unit != NO_UNIT:
            what = f"is {self.unit[:80]!r}, and a probability has no unit: leave it out for labels that are 0 or 1"
            raise InvalidRequestError.of_field("spec.unit", what)
        if self.transform not in (Transform.AUTO, Transform.NONE):
            what = f"is {self.transform.value}, and labels that are 0 or 1 have no other scale: leave it out"
            raise InvalidRequestError.of_field("spec.transform", what)
        if self.low_fidelity:
            what = "has columns, and cheaper values state no class: give what is known of all candidates as conditions"
            raise InvalidRequestError.of_field("spec.low_fidelity", what)
        if self.laws:
            what = "names laws, which are of numbers: leave them out for labels that are 0 or 1"
            raise InvalidRequestError.of_field("spec.laws", what)

    def _check_laws(self) -> None:
        """Their form, and that what they read is stated; what the numbers mean is checked by the job."""
        if len(self.laws) > MAX_LAWS:
            raise InvalidRequestError.of_field("spec.laws", f"has more than {MAX_LAWS} laws")
        stated = {*(entry.name for entry in self.conditions), *(column.name for column in self.low_fidelity)}
        forms = {form.split(":")[0]: form for form in LAWS}
        for law in self.laws:
            name, *rest = law.split(":")
            if name not in forms or len(rest) != forms[name].count(":") or not all(rest):
                raise InvalidRequestError.of_field("spec.laws", f"holds {law[:80]!r}: write one of {', '.join(LAWS)}")
            if name != "bounded" and rest[0] not in stated:
                what = f"reads {rest[0][:80]!r} in {law[:80]!r}: name it among the conditions or known columns"
                raise InvalidRequestError.of_field("spec.laws", what)

    def _check_conditions(self) -> None:
        names = [condition.name for condition in self.conditions]
        if len(names) > MAX_CONDITIONS:
            raise InvalidRequestError.of_field("spec.conditions", f"has more than {MAX_CONDITIONS} columns")
        if len({*names, *self.columns}) < len(names) + len(self.columns):
            raise InvalidRequestError.of_field("spec.conditions", "names a column twice, or a column of labels")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all label columns, the target first."""
        return (self.target.name, *(column.name for column in self.low_fidelity))


def check_model_name(name: str, field: str) -> None:
    """Raises InvalidRequestError."""
    _match(_MODEL_NAME, field, name, "a model name is 1 to 63 of a-z, 0-9, ., _ and -, a letter or digit first")


def _check_known(field: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise InvalidRequestError.of_field(field, f"holds {name[:80]!r}: choose from {', '.join(known)}")


def _match(pattern: re.Pattern[str], field: str, text: str, remedy: str) -> None:
    if not pattern.fullmatch(text):
        raise InvalidRequestError.of_field(field, f"is {text[:80]!r}: {remedy}")
