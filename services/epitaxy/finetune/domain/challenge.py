"""A model against the champion: their errors out of fold on the labels that both were judged on."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

_CONFIDENCE = 0.95
# Formulas that both were judged on, below which nothing is said.
_N_FORMULAS = 10


@dataclass(frozen=True, slots=True)
class Challenge:
    """Paired errors of two models.

    Attributes:
        error: Mean absolute error of the challenger, in the property's unit; of classes its Brier score.
        champion_error: The champion's, on the same labels.
        least_excess: Lower end of the interval of their difference, at 95 % confidence.
        n_formulas: Formulas that were compared.
    """

    error: float
    champion_error: float
    least_excess: float
    n_formulas: int

    @property
    def is_lost(self) -> bool:
        """Whether the challenger errs more beyond noise."""
        return self.least_excess > 0


def challenge(report: bytes | None, champions_report: bytes | None) -> Challenge | None:
    """Compares two reports as they are stored.

    Returns None if one is missing or states no errors of single rows, if they are about different properties or units,
    or if fewer than ten formulas have the same labels in both.
    """
    if report is None or champions_report is None:
        return None
    new, old = json.loads(report), json.loads(champions_report)
    if not all({"subject", "parity"} <= given.keys() for given in (new, old)):
        return None
    if ("classes" in new) != ("classes" in old):
        return None
    if any(new["subject"][name] != old["subject"][name] for name in ("name", "unit")):
        return None
    pairs = _paired(_errors(new), _errors(old))
    if len(pairs) < _N_FORMULAS:
        return None
    by_formula = np.array([np.mean(rows, axis=0) for rows in pairs.values()])
    excess = by_formula[:, 0] - by_formula[:, 1]
    error, champion_error = by_formula.mean(axis=0).tolist()
    return Challenge(error, champion_error, _lower_end(excess), len(pairs))


def _errors(report: Mapping[str, Any]) -> Mapping[tuple[str, str, float], float]:
    """Absolute error out of fold by row, formula and label; squared for probabilities, so that the score is proper."""
    power = 2 if "classes" in report else 1
    return {
        (row["row_id"], row["formula"], row["label"]): abs(row["predicted"] - row["label"]) ** power
        for row in report["parity"]
    }


def _paired(
    new: Mapping[tuple[str, str, float], float], old: Mapping[tuple[str, str, float], float]
) -> Mapping[str, list[tuple[float, float]]]:
    """Both errors of each label that both have, by formula: rows of one formula are not independent."""
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for key, error in new.items():  # in the report's order, so that sums do not depend on the process
        if key in old:
            found[key[1]].append((error, old[key]))
    return found


def _lower_end(differences: NDArray[np.float64]) -> float:
    n = len(differences)
    reach = float(stdtrit(n - 1, 0.5 + _CONFIDENCE / 2)) * float(differences.std(ddof=1)) / np.sqrt(n)
    return float(differences.mean() - reach)
