"""From the scale that a job learns on to the plain values that a law speaks of, and back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.labels.target import TargetTransform

Array = NDArray[np.float64]

_DECADIC = re.compile(r"(log10|lg)\s*[( ].*|dex")
_NATURAL = re.compile(r"(log|ln)\s*[( ].*")
_LN10 = float(np.log(10.0))
_LOG_LIMIT = 690.0


@dataclass(frozen=True, slots=True)
class LabelScale:
    """Two steps: the transform of the job, and the logarithm that the labels' own unit may hold.

    Attributes:
        transform: Scale of the job.
        log_factor: Natural logarithms in one unit of a label: ln 10 for ``log10(S/cm)``, 1 for ``ln(...)``, 0 for plain
            labels.
    """

    transform: TargetTransform
    log_factor: float = 0.0

    @classmethod
    def of(cls, transform: TargetTransform, unit: str) -> "LabelScale":
        """For labels in that unit."""
        text = unit.strip()
        factor = _LN10 if _DECADIC.fullmatch(text) else 1.0 if _NATURAL.fullmatch(text) else 0.0
        return cls(transform, factor)

    def values(self, targets: Array) -> Array:
        """Plain values, ``[n_rows]``."""
        labels = self.transform.inverse(targets)
        if not self.log_factor:
            return labels
        return np.exp(np.clip(self.log_factor * labels, -_LOG_LIMIT, _LOG_LIMIT))

    def targets(self, values: Array) -> Array:
        """The scale of the job; values with no place on it take the nearest one that has."""
        tiny = np.finfo(np.float64).tiny
        labels = np.log(np.maximum(values, tiny)) / self.log_factor if self.log_factor else values
        return self.transform.forward(_placed(labels, self.transform))

    def as_json(self) -> Mapping[str, Any]:
        """Plain values."""
        return {"transform": self.transform.as_json(), "log_factor": self.log_factor}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "LabelScale":
        """Rebuilds the scale. Raises CheckpointError or KeyError if the record is none."""
        return cls(TargetTransform.from_json(record["transform"]), float(record["log_factor"]))


def _placed(labels: Array, transform: TargetTransform) -> Array:
    least = {"log10": 1e-300, "log1p": -1 + 1e-15}.get(str(transform.kind), -np.inf)
    return np.maximum(labels, least)
