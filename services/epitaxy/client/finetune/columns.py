"""What a fine-tune job is asked to do: columns with their fidelity, transform, budget."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from epitaxy.api.common.v1 import property_pb2
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.client.errors import InvalidRequestError

TRANSFORMS = {
    "none": finetune_pb2.LABEL_TRANSFORM_NONE,
    "log10": finetune_pb2.LABEL_TRANSFORM_LOG10,
    "log1p": finetune_pb2.LABEL_TRANSFORM_LOG1P,
    "auto": finetune_pb2.LABEL_TRANSFORM_AUTO,
}
TASKS = {
    "auto": finetune_pb2.LEARNING_TASK_UNSPECIFIED,
    "regression": finetune_pb2.LEARNING_TASK_REGRESSION,
    "classification": finetune_pb2.LEARNING_TASK_CLASSIFICATION,
}
_NO_UNIT = "1"
_FIDELITIES = [name.removeprefix("FIDELITY_") for name in property_pb2.Fidelity.keys()[1:]]
_SPOKEN = {"HSE": "HSE06", "EXP": "EXPERIMENT", "EXPT": "EXPERIMENT", "PBEU": "PBE_U"}
_NO_WORD = re.compile(r"[^a-z0-9]+")
_MAX_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """One column of labels.

    Attributes:
        name: Name of the column in the label table.
        fidelity: Level of theory or kind of measurement: ``"PBE"``, ``"HSE06"``, ``"EXPERIMENT"``; empty: not stated.
        cost: Cost of one label, in any unit that is the same for all columns; 0: not known.

    Raises:
        InvalidRequestError: There is no such fidelity, or the cost is negative or infinite.
    """

    name: str
    fidelity: str = ""
    cost: float = 0.0

    def __post_init__(self) -> None:
        wire_fidelity(self.fidelity)
        if not (math.isfinite(self.cost) and self.cost >= 0):
            raise InvalidRequestError(
                f"the cost of {self.name} is {self.cost:g}; give 0 or more", reason="INVALID_COST"
            )

    @classmethod
    def parse(cls, text: str) -> "LabelColumn":
        """From ``NAME``, ``NAME:FIDELITY`` or ``NAME:FIDELITY:COST``. Raises InvalidRequestError."""
        name, *rest = text.split(":")
        if not name or len(rest) > 2:
            raise _no_column(text)
        try:
            return cls(name, rest[0] if rest else "", float(rest[1]) if len(rest) == 2 else 0.0)
        except ValueError:
            raise _no_column(text) from None

    def to_proto(self) -> finetune_pb2.LabelColumn:
        """The column on the wire."""
        return finetune_pb2.LabelColumn(name=self.name, fidelity=wire_fidelity(self.fidelity), cost=self.cost)


@dataclass(frozen=True, slots=True)
class LabelCondition:
    """A condition under which labels were measured.

    Attributes:
        name: Name of the column in the label table.
        unit: Unit of the numbers: ``"K"``; empty: not stated, and a column with text is a category; ``"category"``: a
            category even if its cells look like numbers.
    """

    name: str
    unit: str = ""

    @classmethod
    def parse(cls, text: str) -> "LabelCondition":
        """From ``NAME`` or ``NAME:UNIT``. Raises InvalidRequestError."""
        name, colon, unit = text.partition(":")
        if not name or (colon and not unit):
            message = f"{text!r} is not a condition: write NAME or NAME:UNIT, as temperature_k:K"
            raise InvalidRequestError(message, reason="INVALID_CONDITION")
        return cls(name, unit)


@dataclass(frozen=True, slots=True)
class FineTuneRequest:
    """Everything but the labels.

    Attributes:
        name: Name of the model to grow.
        target: The column to learn.
        unit: Unit of all label columns; empty for labels that are 0 or 1.
        property_name: Name of the property, in snake case; empty: the target's name without its unit.
        low_fidelity: Columns of cheaper values, empty where unknown.
        transform: Scale on which the labels are learned, one of ``TRANSFORMS``.
        base_model: The substrate; empty: the one that the server ships.
        strategies: Strategies to compare; empty: all that the server finds worthwhile.
        max_seconds: Longest time for the work, not counting the wait for a worker; None: the server's default.
        use_gpu: True to wait for a GPU.
        seed: Seed of every random choice.
        peers: Other pretrained networks whose features are read too: ``"chgnet"`` of crystals, ``"minimol"`` of
            molecules and polymers.
        accept_suspicious: True to go on in spite of gross errors, without wild labels.
        conditions: Conditions under which the labels were measured.
        laws: Laws that the property keeps: ``"arrhenius:temperature_k"``.
        task: What the labels are, one of ``TASKS``; ``"auto"``: told by the column.
    """

    name: str
    target: LabelColumn
    unit: str
    property_name: str = ""
    low_fidelity: tuple[LabelColumn, ...] = ()
    transform: str = "auto"
    base_model: str = ""
    strategies: tuple[str, ...] = ()
    max_seconds: float | None = None
    use_gpu: bool = False
    seed: int = 0
    peers: tuple[str, ...] = ()
    accept_suspicious: bool = False
    conditions: tuple[LabelCondition, ...] = ()
    laws: tuple[str, ...] = ()
    task: str = "auto"

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            message = f"{self.task!r} is not a task: give one of {', '.join(TASKS)}"
            raise InvalidRequestError(message, reason="INVALID_TASK")
        if self.task == "classification":
            self._check_classes()
        if self.transform not in TRANSFORMS:
            message = f"{self.transform!r} is not a transform: give one of {', '.join(TRANSFORMS)}"
            raise InvalidRequestError(message, reason="INVALID_TRANSFORM")
        if not 0 <= self.seed <= _MAX_SEED:
            raise InvalidRequestError(f"the seed is {self.seed}: give 0 to {_MAX_SEED}", reason="INVALID_SEED")
        if self.max_seconds is not None and not 0 < self.max_seconds < math.inf:
            message = f"the longest time is {self.max_seconds:g} s: give more than 0"
            raise InvalidRequestError(message, reason="INVALID_BUDGET")
        names = (*self.columns, *(condition.name for condition in self.conditions))
        if len(set(names)) < len(names):
            message = f"a column is named twice in {', '.join(names)}: name each once"
            raise InvalidRequestError(message, reason="REPEATED_COLUMN")

    def resolved(self, task: str) -> "FineTuneRequest":
        """The request once the labels are read. Raises InvalidRequestError for numbers without a unit."""
        if task == "regression" and not self.unit:
            message = f"{self.target.name} holds numbers, and no unit is given: name it (--unit), 1 for none"
            raise InvalidRequestError(message, reason="NO_UNIT")
        return replace(self, task=task, unit=self.unit or _NO_UNIT)

    def _check_classes(self) -> None:
        """Raises InvalidRequestError for what labels that are 0 or 1 cannot have."""
        odd = {
            f"the unit {self.unit}": self.unit not in ("", _NO_UNIT),
            f"the transform {self.transform}": self.transform not in ("auto", "none"),
            "columns of cheaper values": bool(self.low_fidelity),
            "laws": bool(self.laws),
        }
        found = [what for what, is_given in odd.items() if is_given]
        if found:
            message = f"classification cannot have {' and '.join(found)}: leave them out, as a probability has no unit"
            raise InvalidRequestError(message, reason="NOT_FOR_CLASSES")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all label columns, the target first."""
        return (self.target.name, *(column.name for column in self.low_fidelity))

    def to_proto(self) -> finetune_pb2.FineTuneSpec:
        """The specification on the wire."""
        budget = finetune_pb2.FineTuneBudget(strategies=self.strategies, use_gpu=self.use_gpu)
        if self.max_seconds is not None:
            budget.max_duration.FromMilliseconds(max(1, round(self.max_seconds * 1000)))
        return finetune_pb2.FineTuneSpec(
            model_name=self.name,
            property_name=self.property_name or property_name_of(self.target.name, self.unit),
            unit=self.unit,
            base_model=self.base_model,
            target=self.target.to_proto(),
            low_fidelity=[column.to_proto() for column in self.low_fidelity],
            transform=TRANSFORMS[self.transform],
            budget=budget,
            seed=self.seed,
            peers=self.peers,
            accept_suspicious=self.accept_suspicious,
            conditions=[finetune_pb2.LabelCondition(name=entry.name, unit=entry.unit) for entry in self.conditions],
            laws=self.laws,
            task=TASKS[self.task],
        )


def columns_of(columns: Sequence[LabelColumn | str]) -> tuple[LabelColumn, ...]:
    """Columns that are given as such or as text. Raises InvalidRequestError."""
    return tuple(LabelColumn.parse(column) if isinstance(column, str) else column for column in columns)


def conditions_of(conditions: Sequence[LabelCondition | str]) -> tuple[LabelCondition, ...]:
    """Conditions that are given as such or as text. Raises InvalidRequestError."""
    return tuple(LabelCondition.parse(entry) if isinstance(entry, str) else entry for entry in conditions)


def wire_fidelity(text: str) -> str:
    """``"FIDELITY_PBE_U"`` for ``"PBE+U"``; empty text is unspecified. Raises InvalidRequestError."""
    word = _NO_WORD.sub("_", text.lower()).strip("_").upper()
    name = _SPOKEN.get(word, word)
    if name and name not in _FIDELITIES:
        message = f"{text!r} is not a fidelity: give one of {', '.join(_FIDELITIES)}"
        raise InvalidRequestError(message, reason="INVALID_FIDELITY")
    return f"FIDELITY_{name or 'UNSPECIFIED'}"


def property_name_of(column: str, unit: str) -> str:
    """``"tc"`` for a column ``tc_k`` in K: snake case, without the unit at its end."""
    name, suffix = _snake(column), f"_{_snake(unit)}"
    return name.removesuffix(suffix) if suffix != "_" else name


def _snake(text: str) -> str:
    return _NO_WORD.sub("_", text.lower()).strip("_")


def _no_column(text: str) -> InvalidRequestError:
    message = f"{text!r} is not a column: write NAME, NAME:FIDELITY or NAME:FIDELITY:COST, as gap_pbe:PBE:0.1"
    return InvalidRequestError(message, reason="INVALID_COLUMN")
