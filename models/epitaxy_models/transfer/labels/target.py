"""The scale on which labels are learned: as given, or as logarithms where errors are ratios."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import CheckpointError, ConfigurationError

# What a log scale must gain in log-likelihood before it is chosen unasked: with few labels either scale fits.
_EVIDENCE = 2.0
# Exact zeros from which on zero counts as a wall that labels pile up at (gaps of metals).
_N_AT_FLOOR = 2
# One label that is not positive among so many does not turn positive, skewed ones into others, if these gain so much: a
# mistyped sign would cost the logarithm, and half of the accuracy. It counts as a tenth of the smallest of them.
_N_POSITIVE, _EVIDENCE_OF_OTHERS, _BELOW_OTHERS = 20, 6.0, 0.1
# Logarithms beyond these would overflow on the way back.
_LOG_LIMIT = 300.0


class TransformKind(StrEnum):
    """Names of the scales; ``auto`` decides between ``none`` and ``log10``."""

    AUTO = "auto"
    NONE = "none"
    LOG10 = "log10"
    LOG1P = "log1p"


@dataclass(frozen=True, slots=True)
class TargetTransform:
    """One scale, decided from training labels alone.

    Attributes:
        kind: Never ``auto``.
        floor: Smallest value that ``inverse`` gives back, in the property's unit; None if there is none.
        least: What labels count as that are not positive, on a scale of logarithms; None if they are refused.
    """

    kind: TransformKind
    floor: float | None = None
    least: float | None = None

    def __post_init__(self) -> None:
        if self.kind is TransformKind.AUTO:
            raise ConfigurationError("auto is no scale: decide it with TargetTransform.fit", reason="INVALID_TRANSFORM")

    @classmethod
    def fit(cls, kind: str, labels: NDArray[np.float64]) -> "TargetTransform":
        """The scale of that name for ``labels`` ``[n_rows]``; ``auto`` takes logarithms of positive, skewed labels.

        Raises ConfigurationError (INVALID_TRANSFORM, INVALID_LABELS) naming rows and remedy.
        """
        wanted = _kind_of(kind)
        _check_finite(labels)
        if wanted is TransformKind.AUTO:
            wanted = TransformKind.LOG10 if _is_log_normal(labels) else TransformKind.NONE
        _check_possible(wanted, labels)
        has_floor = labels.min() == 0 and np.count_nonzero(labels == 0) >= _N_AT_FLOOR
        return cls(wanted, 0.0 if has_floor else None)

    @classmethod
    def fit_withstanding(cls, kind: str, labels: NDArray[np.float64]) -> "TargetTransform":
        """The same, but one label that is not positive does not keep ``auto`` from the logarithms of all others."""
        least = _least_of_logarithm(labels) if kind == TransformKind.AUTO else None
        return cls.fit(kind, labels) if least is None else cls(TransformKind.LOG10, None, least)

    def forward(self, labels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Labels on the scale to fit. Raises ConfigurationError if one has no place on it."""
        _check_finite(labels)
        if self.least is not None:
            labels = np.where(labels > 0, labels, self.least)
        _check_possible(self.kind, labels)
        if self.kind is TransformKind.NONE:
            return labels.astype(np.float64)
        return np.log10(labels) if self.kind is TransformKind.LOG10 else np.log1p(labels)

    def inverse(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values in the property's unit; monotonous, so that medians and interval ends may pass through."""
        if self.kind is TransformKind.NONE:
            original = values.astype(np.float64)
        elif self.kind is TransformKind.LOG10:
            original = np.power(10.0, np.clip(values, -_LOG_LIMIT, _LOG_LIMIT))
        else:
            original = np.expm1(np.clip(values, -_LOG_LIMIT, _LOG_LIMIT))
        return original if self.floor is None else np.maximum(original, self.floor)

    def as_json(self) -> dict[str, Any]:
        """Plain containers, ready for ``json.dump``."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "TargetTransform":
        """Rebuilds the scale. Raises CheckpointError if the record is none."""
        try:
            floor, least = record["floor"], record.get("least")
            limits = (None if value is None else float(value) for value in (floor, least))
            return cls(TransformKind(record["kind"]), *limits)
        except (KeyError, TypeError, ValueError, ConfigurationError) as error:
            raise CheckpointError(
                f"{record!r:.80} describes no target transform", reason="INVALID_TRANSFORM"
            ) from error


def _kind_of(name: str) -> TransformKind:
    try:
        return TransformKind(name)
    except ValueError as error:
        choices = ", ".join(TransformKind)
        raise ConfigurationError(
            f"no transform {name!r}: choose one of {choices}", reason="INVALID_TRANSFORM"
        ) from error


def _check_finite(labels: NDArray[np.float64]) -> None:
    if labels.ndim != 1 or not len(labels):
        raise ConfigurationError(
            f"labels of shape {list(labels.shape)}: give one number a row", reason="INVALID_LABELS"
        )
    _refuse(~np.isfinite(labels), "no finite numbers: leave these rows out or give their values")


def _check_possible(kind: TransformKind, labels: NDArray[np.float64]) -> None:
    if kind is TransformKind.LOG10:
        _refuse(labels <= 0, "not positive, so that log10 does not exist: choose log1p (zeros), none or auto")
    elif kind is TransformKind.LOG1P:
        _refuse(labels <= -1, "at or below -1, so that log1p does not exist: choose none or auto")


def _refuse(is_bad: NDArray[np.bool_], problem: str) -> None:
    if is_bad.any():
        rows = np.flatnonzero(is_bad)
        shown = ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
        raise ConfigurationError(f"labels of rows {shown} are {problem}", reason="INVALID_LABELS")


def _least_of_logarithm(labels: NDArray[np.float64]) -> float | None:
    """What the one label that is not positive counts as, if all others ask for a logarithm; else None."""
    positive = labels[labels > 0]
    if len(labels) - len(positive) != 1 or len(positive) < _N_POSITIVE:
        return None
    if not _is_log_normal(positive, _EVIDENCE_OF_OTHERS):
        return None
    return _BELOW_OTHERS * float(positive.min())


def _is_log_normal(labels: NDArray[np.float64], evidence: float = _EVIDENCE) -> bool:
    """Whether a log-normal distribution explains the labels clearly better than a normal one.

    The difference of the two maximized log-likelihoods (Box & Cox 1964, lambda 0 against 1).
    """
    if labels.min() <= 0 or len(labels) < 3 or labels.max() == labels.min():
        return False
    logs = np.log(labels)
    gain = len(labels) * float(np.log(labels.std() / logs.std())) - float(logs.sum())
    return gain > evidence
