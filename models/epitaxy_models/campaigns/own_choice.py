"""Acquisition functions that BoTorch has not, or that need no joint integral."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from epitaxy_models.campaigns.listed import ShortList
from epitaxy_models.campaigns.objective import Goal

Array = NDArray[np.float64]
Chosen = list[tuple[int, float]]
_N_SAMPLES = 256
_TINY = 1e-12


def at_random(listed: ShortList, n_wanted: int, seed: int) -> Chosen:
    """Drawn without regard to anything."""
    order = np.random.default_rng(seed).permutation(listed.open)[:n_wanted]
    return [(int(place), 0.0) for place in order]


def best_few(listed: ShortList, n_wanted: int, seed: int) -> Chosen:
    """Expected gain of the utility of the ``n_best`` best, over joint samples.

    Expected improvement asks for one winner; who wants the best few improves the worst of them. Samples of a batch
    are those of one joint posterior, so that each choice is conditioned on those before.
    """
    found = listed.utilities(joint_samples(listed, _N_SAMPLES, seed))[..., 0]
    held = np.concatenate([listed.measured, listed.pending])
    n_best = max(1, min(listed.n_best, len(listed.measured)))
    best = -np.sort(-found[:, held], axis=1)[:, :n_best] if len(held) else np.full((len(found), 1), found.min())
    floor = np.log(_TINY * (1 + np.abs(best).mean()))
    left, chosen = list(listed.open), []
    for _ in range(n_wanted):
        # With fewer held than wanted, anything fills a free place: what counts is the worst held.
        gains = np.maximum(found[:, left] - best[:, -1:], 0.0).mean(axis=0)
        scores = np.logaddexp(np.log(np.maximum(gains, 1e-300)), floor) + listed.log_worth[left]
        place = left.pop(int(np.argmax(scores)))
        chosen.append((int(place), float(scores.max())))
        best = -np.sort(-np.concatenate([best, found[:, [place]]], axis=1), axis=1)[:, : best.shape[1]]
    return chosen


def by_probability(listed: ShortList, n_wanted: int, _seed: int = 0) -> Chosen:
    """Probability to be better than the worst of the ``n_best`` best: every hit counts the same."""
    objective = listed.objectives[0]
    means, stds = listed.means[0], np.sqrt(np.diagonal(listed.covariances[0]))
    utility = np.sort(listed.utilities(listed.means[:, listed.measured].T)[:, 0])
    asked = float(utility[-min(listed.n_best, len(utility))]) if len(utility) else 0.0
    if objective.goal in {Goal.MAXIMIZE, Goal.MINIMIZE}:
        sign = 1 if objective.goal is Goal.MAXIMIZE else -1
        log_chance = norm.logsf((asked - sign * means) / stds)
    else:
        low, high = objective.low + asked, objective.high - asked
        chance = norm.cdf((high - means) / stds) - norm.cdf((low - means) / stds)
        log_chance = np.log(np.maximum(chance, 1e-300))
    scores = (log_chance + listed.log_worth)[listed.open]
    order = np.argsort(-scores, kind="stable")[:n_wanted]
    return [(int(listed.open[place]), float(scores[place])) for place in order]


def thompson(listed: ShortList, n_wanted: int, seed: int) -> Chosen:
    """The best of one joint sample a choice; several objectives by random weights."""
    generator = np.random.default_rng(seed)
    base = generator.standard_normal((n_wanted, listed.n, len(listed.objectives)))
    found = listed.utilities(_correlated(listed, base))
    weights = generator.dirichlet(np.ones(found.shape[-1]), n_wanted)
    scaled = (found - found.mean(axis=(0, 1))) / (found.std(axis=(0, 1)) + _TINY)
    sums = np.einsum("sno,so->sn", scaled, weights)
    left, chosen = list(listed.open), []
    for row in sums:
        scores = _log_gains(row, left) + listed.log_worth[left]
        place = left.pop(int(np.argmax(scores)))
        chosen.append((int(place), float(scores.max())))
    return chosen


def greedy(listed: ShortList, n_wanted: int, _seed: int = 0) -> Chosen:
    """The largest utility of the mean; several objectives count by their spread over the list."""
    found = listed.utilities(listed.means.T)
    scaled = ((found - found.mean(axis=0)) / (found.std(axis=0) + _TINY)).sum(axis=1)
    scores = _log_gains(scaled, list(listed.open)) + listed.log_worth[listed.open]
    order = np.argsort(-scores, kind="stable")[:n_wanted]
    return [(int(listed.open[place]), float(scores[place])) for place in order]


def by_uncertainty(listed: ShortList, n_wanted: int, _seed: int = 0) -> Chosen:
    """The largest deviation left once those before and what is pending are measured."""
    covariances = listed.covariances / np.mean(np.diagonal(listed.covariances, axis1=1, axis2=2), axis=1)[:, None, None]
    for place in listed.pending:
        covariances = _conditioned(covariances, int(place))
    left, chosen = list(listed.open), []
    for _ in range(n_wanted):
        variances = np.maximum(np.diagonal(covariances, axis1=1, axis2=2)[:, left], _TINY)
        scores = np.log(np.sqrt(variances).sum(axis=0)) + listed.log_worth[left]
        place = left.pop(int(np.argmax(scores)))
        chosen.append((int(place), float(scores.max())))
        covariances = _conditioned(covariances, place)
    return chosen


def joint_samples(listed: ShortList, n_samples: int, seed: int) -> Array:
    """Quasi-random samples of true values, on the scales of the fits, ``[n_samples, n, n_objectives]``."""
    n_objectives = len(listed.objectives)
    width = listed.n * n_objectives
    # Sobol sequences are defined up to this many dimensions.
    if width <= qmc.Sobol.MAXDIM:
        uniform = qmc.Sobol(width, rng=np.random.default_rng(seed)).random(n_samples)
        base = norm.ppf(np.clip(uniform, 1e-9, 1 - 1e-9))
    else:
        base = np.random.default_rng(seed).standard_normal((n_samples, width))
    return _correlated(listed, base.reshape(n_samples, listed.n, n_objectives))


def _correlated(listed: ShortList, base: Array) -> Array:
    parts = [
        means + base[..., i] @ _root(covariance).T
        for i, (means, covariance) in enumerate(zip(listed.means, listed.covariances, strict=True))
    ]
    return np.stack(parts, axis=-1)


def _root(covariance: Array) -> Array:
    """A matrix square root, clipped where rounding made eigenvalues negative."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _log_gains(utilities: Array, left: list[int]) -> Array:
    """Logarithm of what each is better than the worst of the list: a gain that costs can divide."""
    gains = utilities[left] - utilities.min()
    return np.asarray(np.log(np.maximum(gains, _TINY)))


def _conditioned(covariances: Array, place: int) -> Array:
    """Covariances once the value at a place is known."""
    column = covariances[:, :, place]
    own = np.maximum(column[:, place], _TINY)
    return np.asarray(covariances - column[:, :, None] * column[:, None, :] / own[:, None, None])
