"""Two models on the labels that both were judged on: paired errors out of fold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.errors import InvalidRequestError

_N_DRAWS = 4000
_CONFIDENCE = 0.95
_N_LABELS_MIN = 10


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Mean absolute errors of two models on shared labels, each predicted out of fold; of probabilities Brier scores.

    Attributes:
        unit: Unit of every error.
        n_shared: Labels that both reports hold with the same value.
        n_first: Labels of the first report.
        n_second: Labels of the second report.
        mae_first: Mean absolute error of the first model on the shared labels.
        mae_second: That of the second model.
        difference: ``mae_second - mae_first``: negative if the second model errs less.
        low: Lower end of the interval of 95 % of the difference, over formulas.
        high: Upper end.
        score: What the errors are: ``"mae"``, or ``"brier"`` for probabilities.
    """

    unit: str
    n_shared: int
    n_first: int
    n_second: int
    mae_first: float
    mae_second: float
    difference: float
    low: float
    high: float
    score: str = "mae"

    @property
    def verdict(self) -> str:
        """``"FIRST"`` or ``"SECOND"`` for the model that errs less beyond noise, else ``"NEITHER"``."""
        if self.high < 0:
            return "SECOND"
        return "FIRST" if self.low > 0 else "NEITHER"


def compare_reports(first: Mapping[str, Any], second: Mapping[str, Any]) -> ModelComparison:
    """Compares two transfer reports row by row.

    Raises:
        InvalidRequestError: The units differ, or the reports share fewer than ten labels.
    """
    units = [report["subject"]["unit"] for report in (first, second)]
    if units[0] != units[1]:
        raise InvalidRequestError(
            f"the models have different units, {units[0]} and {units[1]}", reason="NOTHING_TO_COMPARE"
        )
    are_classes = ["classes" in report for report in (first, second)]
    if are_classes[0] != are_classes[1]:
        raise InvalidRequestError(
            "one model answers with probabilities and the other with numbers", reason="NOTHING_TO_COMPARE"
        )
    rows = [_by_label(report) for report in (first, second)]
    shared = sorted(rows[0].keys() & rows[1].keys())
    if len(shared) < _N_LABELS_MIN:
        raise InvalidRequestError(
            f"the reports share {len(shared)} labels (same row, formula and value), and a comparison needs "
            f"{_N_LABELS_MIN}: train both models on the same table",
            reason="NOTHING_TO_COMPARE",
        )
    errors = np.array([[side[key] for key in shared] for side in rows])
    low, high = _interval(errors[1] - errors[0], [formula for _, formula, _ in shared])
    means = errors.mean(axis=1)
    return ModelComparison(
        units[0], len(shared), len(rows[0]), len(rows[1]), float(means[0]), float(means[1]),
        float(means[1] - means[0]), low, high, "brier" if are_classes[0] else "mae",
    )  # fmt: skip


def _by_label(report: Mapping[str, Any]) -> dict[tuple[str, str, float], float]:
    """Absolute error by row, formula and label; of a probability its square, as that score is proper."""
    power = 2 if "classes" in report else 1
    return {
        (str(row["row_id"]), str(row["formula"]), float(row["label"])): abs(row["predicted"] - row["label"]) ** power
        for row in report["parity"]
    }


def _interval(differences: NDArray[np.float64], formulas: list[str]) -> tuple[float, float]:
    """Ends of the bootstrap's interval of the mean; whole formulas are drawn, as rows of one are no two witnesses."""
    _, group = np.unique(formulas, return_inverse=True)
    sums, counts = np.bincount(group, differences), np.bincount(group)
    generator = np.random.default_rng(0)
    drawn = generator.integers(len(sums), size=(_N_DRAWS, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
