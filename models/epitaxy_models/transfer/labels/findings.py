"""What a check of labels found: counts that add up, rows that are left out, and what is odd among the others."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.labels.readings import CRYSTAL, RowReading, readings_told
from epitaxy_models.transfer.labels.suspicion import SuspiciousLabel, named
from epitaxy_models.transfer.labels.units import UnitDoubt

MIN_LABELS = 10
SUSPICIOUS_LABELS = "SUSPICIOUS_LABELS"


class LabelRefusal(StrEnum):
    """Stable reasons of refused rows, beside those of ``RefusalReason`` for their structures."""

    MISSING_LABEL = "MISSING_LABEL"
    INFINITE_LABEL = "INFINITE_LABEL"
    HUGE_LABEL = "HUGE_LABEL"


class SuspiciousLabelsError(ConfigurationError):
    """Labels with gross errors that nobody accepted; ``suspicious`` holds all findings."""

    default_reason = SUSPICIOUS_LABELS

    def __init__(self, message: str, *, reason: str = "", suspicious: tuple[SuspiciousLabel, ...] = ()) -> None:
        super().__init__(message, reason=reason)
        self.suspicious = suspicious


@dataclass(frozen=True, slots=True)
class RefusedLabel:
    """A row that is not learned from: position from 0, name, stable reason, remedy."""

    row: int
    id: str
    reason: str
    message: str

    @property
    def is_refused(self) -> bool:
        """Whether the row is wrong, and not merely without a label."""
        return self.reason != LabelRefusal.MISSING_LABEL


@dataclass(frozen=True, slots=True)
class DuplicateLabels:
    """Rows of one crystal, whatever cell each was given in; their median is learned.

    Attributes:
        rows: Positions from 0.
        ids: Their names.
        formula: Reduced.
        labels: One a row.
        is_conflicting: True where they differ by more than half of the robust deviation of all labels.
        sides: Which of them are bounds, as of ``censoring.Side``; a bound contradicts only what lies beyond it.
    """

    rows: tuple[int, ...]
    ids: tuple[str, ...]
    formula: str
    labels: tuple[float, ...]
    is_conflicting: bool
    sides: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OutlyingLabel:
    """A label far from the others: kept, and to be looked at. ``robust_z`` is in robust standard deviations."""

    row: int
    id: str
    formula: str
    label: float
    robust_z: float


@dataclass(frozen=True, slots=True)
class SeenCrystal:
    """A crystal of the substrate's training data: the same graph, or another structure of the same formula."""

    row: int
    id: str
    formula: str
    is_same_structure: bool


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing can be learned: a stable reason, and what to do about it."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found; the counts add up.

    Attributes:
        unit: As stated.
        n_rows: Rows given.
        n_usable: Crystals to learn from.
        n_merged: Rows of the same crystal as an earlier one, which went into its label.
        refused: The others.
        duplicates: Crystals of several rows.
        unit_doubt: None where the unit fits, or nothing is known that it could be held against.
        outliers: Labels far from the rest.
        seen: Crystals that the substrate has met; empty where no source index was given.
        suspicious: What its owner should look at, the gravest first.
        obstacle: Why nothing can be learned; None where something can.
        readings: Repairs and notes of the structures that are learned from.
        n_upper_bounds: Usable labels that are upper bounds.
        n_lower_bounds: Usable labels that are lower bounds.
        noun: What messages call a material.
    """

    unit: str
    n_rows: int
    n_usable: int
    n_merged: int
    refused: tuple[RefusedLabel, ...]
    duplicates: tuple[DuplicateLabels, ...]
    unit_doubt: UnitDoubt | None
    outliers: tuple[OutlyingLabel, ...]
    seen: tuple[SeenCrystal, ...]
    suspicious: tuple[SuspiciousLabel, ...] = ()
    obstacle: Obstacle | None = None
    readings: tuple[RowReading, ...] = ()
    n_upper_bounds: int = 0
    n_lower_bounds: int = 0
    noun: str = CRYSTAL

    def __post_init__(self) -> None:
        if self.n_usable + self.n_merged + len(self.refused) != self.n_rows:
            raise ValueError(
                f"{self.n_usable} usable, {self.n_merged} merged, {len(self.refused)} refused rows make "
                f"no {self.n_rows}"
            )

    @property
    def n_refused(self) -> dict[str, int]:
        """Refused rows by reason."""
        return dict(Counter(row.reason for row in self.refused))

    @property
    def n_missing(self) -> int:
        """Labels that are still needed before anything can be trained; 0 where there are enough."""
        return max(0, MIN_LABELS - self.n_usable)

    @property
    def n_bounds(self) -> int:
        """Usable labels that are bounds."""
        return self.n_upper_bounds + self.n_lower_bounds

    @property
    def gross(self) -> tuple[SuspiciousLabel, ...]:
        """Findings that stop a job unless they are accepted."""
        return tuple(entry for entry in self.suspicious if entry.kind.is_gross)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the owner of the labels should look at, a sentence each, the gravest first."""
        conflicts = [group for group in self.duplicates if group.is_conflicting]
        same = sum(crystal.is_same_structure for crystal in self.seen)
        gross = [entry for entry in self.gross if self.unit_doubt is None or entry.message != self.unit_doubt.message]
        found = (
            self.unit_doubt.message if self.unit_doubt else "",
            named(gross),
            f"{len(conflicts)} {self.noun}s have labels that contradict each other: "
            f"{_some(g.formula for g in conflicts)}; their medians are learned"
            if conflicts
            else "",
            f"{len(self.outliers)} labels lie far from the others: "
            + _some(f"{entry.id} ({entry.formula}, {entry.label:g})" for entry in self.outliers)
            if self.outliers
            else "",
            f"{self.n_bounds} labels are bounds ({self.n_upper_bounds} upper, {self.n_lower_bounds} lower): they are "
            "learned as such, and intervals are calibrated on the other labels"
            if self.n_bounds
            else "",
            f"the substrate was trained on {same} of the crystals and on the formulas of {len(self.seen) - same} more"
            if self.seen
            else "",
            readings_told(self.readings, self.noun),
        )
        return tuple(text for text in found if text)

    def stops(self, *, accept_suspicious: bool = False) -> Obstacle | None:
        """Why a job on these labels ends without a model; None where it goes on."""
        if self.obstacle or accept_suspicious or not self.gross:
            return self.obstacle
        return Obstacle(
            SUSPICIOUS_LABELS,
            f"{named(self.gross)}. Correct the labels, or go on without wild ones and with the unit as stated with "
            "accept_suspicious (--accept-suspicious)",
        )

    def require_learnable(self, *, accept_suspicious: bool = False) -> None:
        """Raises ConfigurationError with what is needed; SuspiciousLabelsError for gross errors not accepted."""
        stop = self.stops(accept_suspicious=accept_suspicious)
        if stop is None:
            return
        if stop.reason == SUSPICIOUS_LABELS:
            raise SuspiciousLabelsError(stop.message, suspicious=self.suspicious)
        raise ConfigurationError(stop.message, reason=stop.reason)

    def require_enough(self) -> None:
        """Raises ConfigurationError (TOO_FEW_LABELS) below ten usable labels, with what is needed."""
        if self.obstacle and self.n_missing:
            raise ConfigurationError(self.obstacle.message, reason=self.obstacle.reason)

    def as_json(self) -> dict[str, Any]:
        """Plain containers, ready for ``json.dump``."""
        extra = {"n_refused": self.n_refused, "n_missing": self.n_missing, "warnings": list(self.warnings)}
        record = asdict(self)
        del record["noun"]
        return record | extra


def _some(texts: Iterable[str], shown: int = 5) -> str:
    """The first few of some texts."""
    listed = list(texts)
    return ", ".join(listed[:shown]) + (f" and {len(listed) - shown} more" if len(listed) > shown else "")
