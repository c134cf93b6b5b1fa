"""Learning curves drawn on: how many labels would reach an error?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

_EXPONENTS = np.linspace(0.05, 1.0, 39)
# What a few noisy points leave open is settled by what learning curves of materials properties usually have, at the
# weight of a relative error of 7 % for one deviation.
_USUAL_EXPONENT, _EXPONENT_SPREAD, _PRIOR_WEIGHT = 0.3, 0.15, 0.005
# Each resampled curve takes one draw a size: draws share labels, and the mean of several would look surer than it is.
# From 100 labels to the error at 250 on seven shared sets, 12 draws each: 80 % lie in the band (57 % with means of
# four), the estimate errs by a factor of 1.3 (one deviation) without bias.
_N_RESAMPLED = 200
_BAND = (0.1, 0.9)
# Beyond this many times the labels at hand a curve says nothing.
_HORIZON = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class CurveErrors:
    """Mean absolute errors at one number of labels, one a draw, ``[n_draws]``."""

    n_labels: int
    errors: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """``scale * n^-exponent + floor``, in the unit of the errors. Cortes et al., NIPS 1993."""

    scale: float
    exponent: float
    floor: float

    @classmethod
    def fit(cls, sizes: NDArray[np.float64], errors: NDArray[np.float64]) -> "PowerLaw":
        """Least relative squares over points ``[n_points]`` and a usual exponent; scale and floor are not negative."""
        candidates = [_at_exponent(float(exponent), sizes, errors) for exponent in _EXPONENTS]
        return min(candidates, key=lambda entry: entry[0])[1]

    def error(self, n_labels: float) -> float:
        """What it expects at a number of labels."""
        return float(self.scale * n_labels**-self.exponent + self.floor)

    def labels_for(self, target: float) -> float:
        """Number of labels at which the error falls to a target; infinite if it never does."""
        if target <= self.floor:
            return np.inf
        if self.scale == 0:
            return 0.0
        # In logarithms: a hundredth of the exponent would overflow a power.
        logs = (np.log(self.scale) - np.log(target - self.floor)) / self.exponent
        return float(np.exp(min(logs, 700.0)))


@dataclass(frozen=True, slots=True)
class LabelsNeeded:
    """Labels for one target error, with a band of 80 % over the draws.

    Attributes:
        target_error: Error to reach, in the property's unit.
        n_labels: None where more than a hundred times the labels at hand would be needed, or no number does.
        low: Lower end.
        high: Upper end, None as above.
        is_reached: True if the labels at hand suffice.
    """

    target_error: float
    n_labels: int | None
    low: int | None
    high: int | None
    is_reached: bool


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """Error expected at a number of labels, with a band of 80 % over the draws."""

    n_labels: int
    error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """A curve and what its scatter leaves open.

    Attributes:
        law: Fit of the mean errors.
        resampled: Fits of resampled draws.
        n_labels: Labels at the curve's end.
    """

    law: PowerLaw
    resampled: tuple[PowerLaw, ...]
    n_labels: int

    @classmethod
    def fit(cls, curve: Sequence[CurveErrors], seed: int = 0) -> "Extrapolation":
        """Fits errors at three numbers of labels or more. Raises ConfigurationError (CURVE_TOO_SHORT) for fewer."""
        if len({point.n_labels for point in curve}) < 3:
            raise ConfigurationError(
                "a curve is drawn on from three numbers of labels or more", reason="CURVE_TOO_SHORT"
            )
        sizes = np.array([point.n_labels for point in curve], dtype=np.float64)
        generator = np.random.default_rng(seed)

        def draw() -> PowerLaw:
            return PowerLaw.fit(sizes, np.array([generator.choice(point.errors) for point in curve]))

        law = PowerLaw.fit(sizes, np.array([point.errors.mean() for point in curve]))
        return cls(law, tuple(draw() for _ in range(_N_RESAMPLED)), int(sizes.max()))

    def at(self, n_labels: int) -> ExpectedError:
        """The error expected at a number of labels."""
        low, high = np.quantile([law.error(n_labels) for law in self.resampled], _BAND)
        return ExpectedError(n_labels, self.law.error(n_labels), float(low), float(high))

    def labels_for(self, target: float) -> LabelsNeeded:
        """Labels that reach an error. Raises ConfigurationError (INVALID_TARGET) for one that is not positive."""
        if not target > 0:
            raise ConfigurationError(f"a target error must be positive, got {target:g}", reason="INVALID_TARGET")
        needed = np.array([law.labels_for(target) for law in self.resampled])
        low, high = np.quantile(needed, _BAND, method="nearest")
        middle = self.law.labels_for(target)
        return LabelsNeeded(
            target,
            self._whole(middle),
            self._whole(float(low)),
            self._whole(float(high)),
            self.law.error(self.n_labels) <= target,
        )

    def _whole(self, n_labels: float) -> int | None:
        return int(np.ceil(n_labels)) if n_labels <= _HORIZON * self.n_labels else None

    def as_json(self) -> dict[str, Any]:
        """Plain containers, ready for ``json.dump``: the law, and what twice and four times the labels would give."""
        ahead = [asdict(self.at(factor * self.n_labels)) for factor in (1, 2, 4)]
        return {"law": asdict(self.law), "n_labels": self.n_labels, "expected": ahead}


def _at_exponent(exponent: float, sizes: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[float, PowerLaw]:
    """Loss and law of the best scale and floor under an exponent: two unknowns, by hand where one would be negative."""
    columns = np.stack([sizes**-exponent, np.ones_like(sizes)], axis=1) / errors[:, None]
    (scale, floor), *_ = np.linalg.lstsq(columns, np.ones_like(sizes), rcond=None)
    if floor < 0:
        scale, floor = columns[:, 0].sum() / (columns[:, 0] ** 2).sum(), 0.0
    elif scale < 0:
        scale, floor = 0.0, columns[:, 1].sum() / (columns[:, 1] ** 2).sum()
    unusual = (exponent - _USUAL_EXPONENT) / _EXPONENT_SPREAD
    loss = float(((columns @ np.array([scale, floor]) - 1) ** 2).sum()) + _PRIOR_WEIGHT * unusual**2
    return loss, PowerLaw(float(scale), exponent, float(floor))
