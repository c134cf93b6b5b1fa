"""Data check of a tenant's labels: what is usable, what is not and why, before anything is trained."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError, EpitaxyError
from epitaxy_models.graphs.graph import DEFAULT_RULE, CrystalGraph, GraphRule, build_graph
from epitaxy_models.source_index.materials import SourceMaterials, short_key
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.labels.units import ReadReferences, UnitDoubt, doubted_unit

MIN_LABELS = 10
# Labels of one crystal farther apart than half the robust deviation of all labels cannot both be right.
_CONFLICT = 0.5
_OUTLYING = 5.0
# Median absolute deviation to standard deviation, for normal labels.
_MAD_TO_STD = 1.4826


class LabelRefusal(StrEnum):
    """Stable reasons of refused rows, beside those of ``RefusalReason`` for their structures."""

    MISSING_LABEL = "MISSING_LABEL"
    INFINITE_LABEL = "INFINITE_LABEL"
    CONFLICTING_DUPLICATE = "CONFLICTING_DUPLICATE"


@dataclass(frozen=True, slots=True)
class RefusedLabel:
    """A row that is not learned from: position from 0, name, stable reason, remedy."""

    row: int
    id: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class DuplicateLabels:
    """Rows of one crystal, whatever cell each was given in.

    Attributes:
        rows: Positions from 0.
        ids: Their names.
        formula: Reduced.
        labels: One a row.
        is_conflicting: True if they contradict each other, and all are refused; else their median is learned.
    """

    rows: tuple[int, ...]
    ids: tuple[str, ...]
    formula: str
    labels: tuple[float, ...]
    is_conflicting: bool


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
class DataCheck:
    """What was found; the counts add up.

    Attributes:
        unit: Unit as stated.
        n_rows: Rows given.
        n_usable: Crystals to learn from.
        n_merged: Rows that agree with an earlier one of the same crystal and went into its label.
        refused: The others.
        duplicates: Crystals of several rows.
        unit_doubt: None if the unit fits, or nothing is known that it could be held against.
        outliers: Labels far from the rest.
        seen: Crystals that the substrate has met; empty if no source index was given.
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
        """Labels that are still needed before anything can be trained; 0 if there are enough."""
        return max(0, MIN_LABELS - self.n_usable)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the owner of the labels should look at, a sentence each, the gravest first."""
        conflicts = [group for group in self.duplicates if group.is_conflicting]
        same = sum(crystal.is_same_structure for crystal in self.seen)
        found = (
            self.unit_doubt.message if self.unit_doubt else "",
            f"{len(conflicts)} crystals have labels that contradict each other: {_some(g.formula for g in conflicts)}"
            if conflicts
            else "",
            f"{len(self.outliers)} labels lie far from the others: "
            + _some(f"{entry.id} ({entry.formula}, {entry.label:g})" for entry in self.outliers)
            if self.outliers
            else "",
            f"the substrate was trained on {same} of the crystals and on the formulas of {len(self.seen) - same} more"
            if self.seen
            else "",
        )
        return tuple(text for text in found if text)

    def require_enough(self) -> None:
        """Raises ConfigurationError (TOO_FEW_LABELS) below ten usable labels, with what is needed."""
        if self.n_missing:
            first = next(iter(self.refused), None)
            example = f"; row {first.row} ({first.id}): {first.message}" if first else ""
            raise ConfigurationError(
                f"{self.n_usable} of {self.n_rows} rows are usable and {MIN_LABELS} are needed: give {self.n_missing} "
                f"more crystals with a label{example}",
                reason="TOO_FEW_LABELS",
            )

    def as_json(self) -> dict[str, Any]:
        """Plain containers, ready for ``json.dump``."""
        extra = {"n_refused": self.n_refused, "n_missing": self.n_missing, "warnings": list(self.warnings)}
        return asdict(self) | extra


@dataclass(frozen=True, slots=True, eq=False)
class CheckedLabels:
    """Crystals to learn from, one a row, and what the check found.

    Attributes:
        check: The findings.
        rows: Position of each crystal's first row, int64 ``[n_usable]``.
        structures: Structures, as given there.
        graphs: Under the rule of the check.
        labels: The label, or the median of those that agree, float64 ``[n_usable]``.
    """

    check: DataCheck
    rows: NDArray[np.int64]
    structures: tuple[Structure, ...]
    graphs: tuple[CrystalGraph, ...]
    labels: NDArray[np.float64]


def check_labels(
    rows: Sequence[tuple[str, Structure | EpitaxyError]],
    labels: NDArray[np.float64],
    unit: str,
    rule: GraphRule = DEFAULT_RULE,
    source: SourceMaterials | None = None,
    references: ReadReferences | None = None,
) -> CheckedLabels:
    """Sorts rows into usable, merged and refused, and looks for what is odd among the usable.

    Args:
        rows: Name and structure of each row, or why it could not be read.
        labels: NaN if missing, ``[n_rows]``.
        unit: Unit of the labels.
        rule: Rule of the substrate's graphs.
        source: The substrate's training materials.
        references: Predicts energies and gaps, against which the unit is held.

    Raises ValueError if rows and labels differ in number. Too few usable labels are a finding:
    ``check.require_enough`` raises.
    """
    crystals, refused = _sorted(rows, labels, rule)
    groups = _grouped(crystals)
    tolerance = _CONFLICT * robust_deviation(np.array([crystal.label for crystal in crystals]))
    duplicates = tuple(_duplicate(group, tolerance) for group in groups if len(group) > 1)
    conflicting = {row for entry in duplicates if entry.is_conflicting for row in entry.rows}
    refused += [_conflict(crystal, group) for group in groups for crystal in group if crystal.row in conflicting]
    kept = [group for group in groups if group[0].row not in conflicting]
    firsts = [group[0] for group in kept]
    values = np.array([np.median([crystal.label for crystal in group]) for group in kept], dtype=np.float64)
    structures, graphs = tuple(c.structure for c in firsts), tuple(c.graph for c in firsts)
    check = DataCheck(
        unit=unit,
        n_rows=len(rows),
        n_usable=len(kept),
        n_merged=sum(len(group) - 1 for group in kept),
        refused=tuple(sorted(refused, key=lambda entry: entry.row)),
        duplicates=duplicates,
        unit_doubt=doubted_unit(values, unit, structures, references(graphs, structures)) if references else None,
        outliers=_outliers(firsts, values),
        seen=_seen(firsts, source) if source is not None else (),
    )
    return CheckedLabels(check, np.array([c.row for c in firsts], dtype=np.int64), structures, graphs, values)


def robust_deviation(values: NDArray[np.float64]) -> float:
    """Standard deviation of normal values, unmoved by outliers; the mean absolute deviation where half are equal."""
    if not len(values):
        return 0.0
    deviations = np.abs(values - np.median(values))
    return float(_MAD_TO_STD * np.median(deviations) or deviations.mean())


@dataclass(frozen=True, slots=True, eq=False)
class _Crystal:
    row: int
    id: str
    structure: Structure
    graph: CrystalGraph
    label: float

    @property
    def formula(self) -> str:
        return self.structure.reduced_formula


def _sorted(
    rows: Sequence[tuple[str, Structure | EpitaxyError]], labels: NDArray[np.float64], rule: GraphRule
) -> tuple[list[_Crystal], list[RefusedLabel]]:
    crystals, refused = [], []
    for row, ((name, given), label) in enumerate(zip(rows, labels.tolist(), strict=True)):
        if isinstance(given, EpitaxyError):
            refused.append(RefusedLabel(row, name, str(given.reason), given.message))
        elif np.isnan(label):
            text = "it has no label: give its value, or leave the row out"
            refused.append(RefusedLabel(row, name, LabelRefusal.MISSING_LABEL, text))
        elif np.isinf(label):
            text = "its label is infinite: give a finite number"
            refused.append(RefusedLabel(row, name, LabelRefusal.INFINITE_LABEL, text))
        else:
            crystals.append(_Crystal(row, name, given, build_graph(given, rule), label))
    return crystals, refused


def _grouped(crystals: Sequence[_Crystal]) -> list[list[_Crystal]]:
    groups: dict[bytes, list[_Crystal]] = {}
    for crystal in crystals:
        groups.setdefault(crystal.graph.key, []).append(crystal)
    return list(groups.values())


def _duplicate(group: Sequence[_Crystal], tolerance: float) -> DuplicateLabels:
    labels = tuple(crystal.label for crystal in group)
    return DuplicateLabels(
        tuple(crystal.row for crystal in group),
        tuple(crystal.id for crystal in group),
        group[0].formula,
        labels,
        max(labels) - min(labels) > tolerance,
    )


def _conflict(crystal: _Crystal, group: Sequence[_Crystal]) -> RefusedLabel:
    others = _some(f"{other.label:g} in row {other.row}" for other in group if other is not crystal)
    text = (
        f"this crystal ({crystal.formula}) has {crystal.label:g} here and {others}: keep the right row, or their mean"
    )
    return RefusedLabel(crystal.row, crystal.id, LabelRefusal.CONFLICTING_DUPLICATE, text)


def _outliers(crystals: Sequence[_Crystal], labels: NDArray[np.float64]) -> tuple[OutlyingLabel, ...]:
    """Labels far from the median, as they are and, where all are positive, as logarithms: a long tail is no fault."""
    scores = _robust_scores(labels)
    if len(labels) and labels.min() > 0:
        logs = _robust_scores(np.log(labels))
        scores = np.where(np.abs(logs) < np.abs(scores), logs, scores)
    order = np.argsort(-np.abs(scores), kind="stable")
    far = [place for place in order.tolist() if abs(scores[place]) > _OUTLYING]
    return tuple(
        OutlyingLabel(c.row, c.id, c.formula, float(labels[place]), float(scores[place]))
        for place in far
        for c in (crystals[place],)
    )


def _robust_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = robust_deviation(values)
    if deviation == 0:
        return np.zeros(len(values))
    return np.asarray((values - np.median(values)) / deviation, dtype=np.float64)


def _seen(crystals: Sequence[_Crystal], source: SourceMaterials) -> tuple[SeenCrystal, ...]:
    found = []
    for crystal in crystals:
        is_same = short_key(crystal.graph.key) in source.known_keys
        if is_same or crystal.formula in source.known_formulas:
            found.append(SeenCrystal(crystal.row, crystal.id, crystal.formula, is_same))
    return tuple(found)


def _some(texts: Iterable[str], shown: int = 5) -> str:
    """The first few of some texts."""
    listed = list(texts)
    return ", ".join(listed[:shown]) + (f" and {len(listed) - shown} more" if len(listed) > shown else "")
