"""What probabilities are worth: do they rank, and do they hold?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

Array = NDArray[np.float64]
_CONFIDENCE = 0.95
# Rows of a bin of the reliability curve, and its most bins.
_ROWS_A_BIN, _N_BINS = 10, 10
# A calibration that chance explains this rarely is none; means may differ by so much beyond chance.
_LEAST_P_VALUE, _TOLERANCE = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows that were given much the same probability.

    Attributes:
        n_rows: Number of them.
        probability: Their mean probability.
        share: Share of ones among them.
        low: Lower end of the interval of that share at 95 % (Jeffreys).
        high: Its upper end.
    """

    n_rows: int
    probability: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """Probabilities out of fold against labels.

    Attributes:
        n_zeros: Labels that are 0.
        n_ones: Labels that are 1.
        auc: Probability that a 1 is ranked before a 0; one half by chance.
        auc_low: Lower end of its interval at 95 %.
        auc_high: Its upper end.
        brier: Mean squared difference of probability and label.
        constant_brier: The same of the share of ones for every row.
        log_loss: Mean negative log-likelihood, in nats.
        calibration_error: Mean distance of probability and share of ones over the bins, weighed by rows.
        expected_calibration_error: What chance alone would make of it with so many labels.
        calibration_p_value: Of Spiegelhalter's test: how often chance makes calibrated probabilities look this bad.
        reliability: Bins by ascending probability.
        auc_by_strategy: The same AUC of everything compared.
        score: What strategies are compared by. It is proper (no other answer than the true probability has a better
            one), and one bad row among few weighs no more than 1, where a log loss has no bound.
    """

    n_zeros: int
    n_ones: int
    auc: float
    auc_low: float
    auc_high: float
    brier: float
    constant_brier: float
    log_loss: float
    calibration_error: float
    expected_calibration_error: float
    calibration_p_value: float
    reliability: tuple[ReliabilityBin, ...]
    auc_by_strategy: Mapping[str, float] = field(default_factory=dict)
    score: str = "brier"

    @property
    def is_calibrated(self) -> bool:
        """Whether chance explains how far the probabilities are off."""
        n = self.n_zeros + self.n_ones
        given = sum(one.n_rows * one.probability for one in self.reliability) / n
        reach = _TOLERANCE + 2 * math.sqrt(self.constant_brier / n)
        return self.calibration_p_value >= _LEAST_P_VALUE and abs(given - self.n_ones / n) <= reach


def quality_of(probabilities: Array, labels: Array, auc_by_strategy: Mapping[str, float]) -> ClassQuality:
    """Judges ``probabilities`` of rows with ``labels`` 0 or 1, ``[n_rows]`` each; both classes occur."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score  # noqa: PLC0415 - loads scikit-learn

    n_ones = int(labels.sum())
    n_zeros = len(labels) - n_ones
    auc = float(roc_auc_score(labels, probabilities))
    reach = float(ndtri(0.5 + _CONFIDENCE / 2)) * _auc_std(auc, n_ones, n_zeros)
    bins = _bins(probabilities, labels)
    return ClassQuality(
        n_zeros=n_zeros,
        n_ones=n_ones,
        auc=auc,
        auc_low=max(auc - reach, 0.0),
        auc_high=min(auc + reach, 1.0),
        brier=float(brier_score_loss(labels, probabilities)),
        constant_brier=n_ones * n_zeros / len(labels) ** 2,
        log_loss=float(log_loss(labels, probabilities, labels=[0, 1])),
        calibration_error=sum(one.n_rows * abs(one.share - one.probability) for one in bins) / len(labels),
        expected_calibration_error=sum(map(_by_chance, bins)) / len(labels),
        calibration_p_value=_spiegelhalter(probabilities, labels),
        reliability=bins,
        auc_by_strategy=dict(auc_by_strategy),
    )


def _auc_std(auc: float, n_ones: int, n_zeros: int) -> float:
    """Standard error of an AUC. Hanley & McNeil, Radiology 143, 29 (1982), eq. 1."""
    both_ones, both_zeros = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_ones - 1) * (both_ones - auc**2) + (n_zeros - 1) * (both_zeros - auc**2)
    return math.sqrt(max(spread, 0.0) / (n_ones * n_zeros))


def _bins(probabilities: Array, labels: Array) -> tuple[ReliabilityBin, ...]:
    """As many rows in each, by ascending probability."""
    order = np.argsort(probabilities, kind="stable")
    n_bins = int(np.clip(len(labels) // _ROWS_A_BIN, 1, _N_BINS))
    return tuple(_bin(probabilities[rows], labels[rows]) for rows in np.array_split(order, n_bins))


def _bin(probabilities: Array, labels: Array) -> ReliabilityBin:
    n, ones = len(labels), float(labels.sum())
    tail = (1 - _CONFIDENCE) / 2
    low = float(betaincinv(ones + 0.5, n - ones + 0.5, tail)) if ones else 0.0
    high = float(betaincinv(ones + 0.5, n - ones + 0.5, 1 - tail)) if ones < n else 1.0
    return ReliabilityBin(n, float(probabilities.mean()), ones / n, low, high)


def _by_chance(one: ReliabilityBin) -> float:
    """Expected distance of the share from a probability that holds, times the rows."""
    return math.sqrt(2 / math.pi * one.n_rows * one.probability * (1 - one.probability))


def _spiegelhalter(probabilities: Array, labels: Array) -> float:
    """Two-sided p-value. Spiegelhalter, Statistics in Medicine 5, 421 (1986)."""
    leverage = 1 - 2 * probabilities
    spread = float(np.sqrt((leverage**2 * probabilities * (1 - probabilities)).sum()))
    if spread < 1e-12:
        return 1.0
    return float(2 * ndtr(-abs(((labels - probabilities) * leverage).sum()) / spread))
