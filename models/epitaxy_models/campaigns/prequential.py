"""Predictions on record before their result: did the intervals hold, and by how much were values wrong?

Candidates are chosen because they look good, so that errors of the chosen differ from errors of the pool: what is
overestimated is chosen more often. The coverage for the whole pool is therefore estimated by post-stratification: each
prediction carries its standing among all open candidates at its time, and strata of standing count by their share of
the pool, not of the choices.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Upper ends of the strata of standing: the top of a pool is where choices crowd.
_STRATA = (0.5, 0.8, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction of one property of one candidate.

    Attributes:
        name: Property.
        candidate: Its number in the pool.
        value: Predicted value, in the unit.
        lower: Lower end of the 90 % interval.
        upper: Upper end.
        standing: Share of the open candidates that looked no better, 0 to 1; 1 is the best of all.
        z_std: Standard deviation on the scale of the fit.
        z_value: Predicted value on the scale of the fit.
        kind: Name of the scale of the fit.
        result: First reading after it, in the unit; None until there is one.
    """

    name: str
    candidate: int
    value: float
    lower: float
    upper: float
    standing: float
    z_value: float = 0.0
    z_std: float = 0.0
    kind: str = "none"
    result: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the result lies in the interval."""
        return self.result is not None and self.lower <= self.result <= self.upper

    def as_json(self) -> dict[str, Any]:
        """Plain containers for a log."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Prediction":
        """From ``as_json``."""
        return cls(**record)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How predictions of one property fared.

    Attributes:
        n: Predictions with a result.
        nominal: What the intervals promise.
        chosen: Share of results inside, of the candidates that were chosen; NaN without results.
        pool: The same as it would be for the whole pool, by post-stratification; NaN if strata are empty.
        mae: Mean absolute error, in the unit.
        bias: Mean of predicted less found, in the unit: positive where choosing picks what is overestimated.
    """

    n: int
    nominal: float
    chosen: float
    pool: float
    mae: float
    bias: float


@dataclass(frozen=True, slots=True)
class Prequential:
    """All predictions of a campaign, in the order in which they were made.

    Attributes:
        predictions: With and without results.
    """

    predictions: tuple[Prediction, ...] = field(default=())

    def adding(self, predictions: Iterable[Prediction]) -> "Prequential":
        """With more predictions."""
        return Prequential((*self.predictions, *predictions))

    def with_result(self, name: str, candidate: int, value: float) -> "Prequential":
        """With a result for the predictions of a candidate's property that have none."""
        return Prequential(
            tuple(
                replace(entry, result=value)
                if entry.result is None and (entry.name, entry.candidate) == (name, candidate)
                else entry
                for entry in self.predictions
            )
        )

    def judged(self, name: str) -> list[Prediction]:
        """Predictions of a property that have a result, oldest first."""
        return [entry for entry in self.predictions if entry.name == name and entry.result is not None]

    def coverage(self, name: str, nominal: float = 0.9) -> Coverage:
        """How the predictions of a property fared."""
        judged = self.judged(name)
        if not judged:
            return Coverage(0, nominal, np.nan, np.nan, np.nan, np.nan)
        holds = np.array([entry.holds for entry in judged])
        errors = np.array([entry.value - (entry.result or 0.0) for entry in judged])
        standings = np.array([entry.standing for entry in judged])
        return Coverage(
            len(judged),
            nominal,
            float(holds.mean()),
            _for_the_pool(holds, standings),
            float(np.abs(errors).mean()),
            float(errors.mean()),
        )


def _for_the_pool(holds: NDArray[np.bool_], standings: Array) -> float:
    """Coverage by stratum of standing, weighed by the strata's share of the pool."""
    total, low = 0.0, 0.0
    for high in _STRATA:
        inside = (standings > low) & (standings <= high) if low else standings <= high
        if not inside.any():
            return float("nan")
        total += (high - low) * float(holds[inside].mean())
        low = high
    return total
