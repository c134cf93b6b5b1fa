"""From scores to probabilities: a logistic link, fitted on what was predicted out of fold."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from epitaxy_models.errors import CheckpointError

Array = NDArray[np.float64]
# A score is an estimate of the probability already: the link is the identity before labels tell otherwise.
_PRIOR_MEAN = np.array([1.0, 0.0])
_PRIOR_STD = np.array([0.5, 1.0])
# Scores of least squares reach beyond 0 and 1: the logit is taken within these, and a line of this slope goes on.
_EDGE, _SLOPE_BEYOND = 0.02, 4.0


@dataclass(frozen=True, slots=True)
class ProbabilityLink:
    """A logistic function of the logit of a score, after Platt 1999, with a prior at the identity.

    Probabilities never reach 0 or 1: with n labels no rate below some 1 / (2 n) is known. The link is strictly
    monotonous, so that it changes no ranking.

    Attributes:
        slope: Of the logit of the probability over that of the score.
        intercept: Logit of the probability at a score of one half.
        covariance: Posterior variance of the slope, covariance, and variance of the intercept.
        n_labels: Labels that it was fitted on.
    """

    slope: float
    intercept: float
    covariance: tuple[float, float, float]
    n_labels: int

    @classmethod
    def fit(cls, scores: Array, labels: Array, weights: Array) -> "ProbabilityLink":
        """Fits on scores out of fold with labels 0 or 1, ``[n]`` each; ``weights`` add up to the number of labels."""
        columns = np.stack([_unbounded(scores), np.ones(len(scores))], axis=1)
        n_ones, n_labels = float(weights @ labels), float(weights.sum())
        # Platt's targets: a class of n is certain up to one in n + 2.
        targets = np.where(labels > 0.5, (n_ones + 1) / (n_ones + 2), 1 / (n_labels - n_ones + 2))

        def loss(parameters: Array) -> tuple[float, Array]:
            logits = columns @ parameters
            off = (parameters - _PRIOR_MEAN) / _PRIOR_STD
            value = weights @ (np.logaddexp(0.0, logits) - targets * logits) + 0.5 * off @ off
            return float(value), columns.T @ (weights * (expit(logits) - targets)) + off / _PRIOR_STD

        # The slope stays positive: a strategy that ranks backwards is not to be trusted, nor to be turned round.
        found = minimize(loss, _PRIOR_MEAN, jac=True, method="L-BFGS-B", bounds=[(0.05, None), (None, None)]).x
        rates = expit(columns @ found)
        information = (columns * (weights * rates * (1 - rates))[:, None]).T @ columns + np.diag(_PRIOR_STD**-2.0)
        (slope, both), (_, intercept) = np.linalg.inv(information)
        return cls(float(found[0]), float(found[1]), (float(slope), float(both), float(intercept)), round(n_labels))

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "ProbabilityLink":
        """Rebuilds a link. Raises CheckpointError if the record is none."""
        try:
            slope, both, intercept = (float(value) for value in record["covariance"])
            numbers = float(record["slope"]), float(record["intercept"])
            return cls(*numbers, (slope, both, intercept), int(record["n_labels"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{record!r:.80} is no link to probabilities", reason="INVALID_LINK") from error

    def as_json(self) -> dict[str, Any]:
        """Plain containers, ready for ``json.dump``."""
        return asdict(self)

    def logits(self, scores: Array) -> Array:
        """Logits of the probabilities, ``[n]``."""
        return np.asarray(self.slope * _unbounded(scores) + self.intercept)

    def logit_stds(self, scores: Array, spreads: Array | float = 0.0) -> Array:
        """How well the labels tell these logits, ``[n]``.

        The uncertainty of the link, and ``spreads``: the disagreement of the members about the scores.
        """
        at = _unbounded(scores)
        slope, both, intercept = self.covariance
        of_link = slope * at**2 + 2 * both * at + intercept
        of_members = self.slope * (_unbounded(scores + spreads) - _unbounded(scores - spreads)) / 2
        return np.sqrt(of_link + of_members**2)

    def rates(self, logits: Array) -> Array:
        """Probabilities of logits, within what so many labels can tell, ``[n]``."""
        least = 1 / (2 * (self.n_labels + 2))
        return np.asarray(least + (1 - 2 * least) * expit(logits))

    def logits_of(self, rates: Array) -> Array:
        """Logits whose ``rates`` these are, ``[n]``: of probabilities within what so many labels can tell."""
        least = 1 / (2 * (self.n_labels + 2))
        inside = np.clip((rates - least) / (1 - 2 * least), 1e-9, 1 - 1e-9)
        return np.asarray(logit(inside))

    def probabilities(self, scores: Array) -> Array:
        """Probability of a 1, ``[n]``."""
        return self.rates(self.logits(scores))


def _unbounded(scores: Array) -> Array:
    """Logit of a score, strictly monotonous also beyond 0 and 1."""
    inside = np.clip(scores, 0.0, 1.0)
    return np.asarray(logit(_EDGE + (1 - 2 * _EDGE) * inside) + _SLOPE_BEYOND * (scores - inside))
