"""Shapley values of a few parts (Shapley 1953): what each adds, in the mean over all orders of putting parts in.

They are the only shares that add up to the whole change, are equal for parts that act equally, and are zero for parts
that change nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Presence = NDArray[np.bool_]
# What is answered where only some parts are there: ``[n_variants, n_columns]`` from ``[n_variants, n_parts]``.
AnswersOf = Callable[[Presence], Array]

# Up to so many parts all of their subsets are asked for: 256.
MAX_EXACT = 8
# Subsets that may be asked for beyond; orders are drawn in pairs, the second of each being the reverse of the first.
_BUDGET = 400
_MIN_PAIRS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """What each part adds.

    Attributes:
        values: ``[n_parts, n_columns]``; the sum over the parts is ``whole - nothing``.
        whole: Answer with all parts, ``[n_columns]``.
        nothing: Answer without any, ``[n_columns]``.
        errors: Standard error of the first column, ``[n_parts]``; 0 where every subset was asked for.
        n_orders: Orders that were drawn; 0 where every subset was asked for.
    """

    values: Array
    whole: Array
    nothing: Array
    errors: Array
    n_orders: int = 0

    @property
    def completeness_error(self) -> float:
        """Sum of the first column's shares minus the change."""
        return float(self.values[:, 0].sum() - (self.whole[0] - self.nothing[0]))


def shapley_values(answers_of: AnswersOf, n_parts: int, seed: int) -> Shares:
    """Shares of all parts: exact for few, from random orders for many. The same seed draws the same orders."""
    return exact_shares(answers_of, n_parts) if n_parts <= MAX_EXACT else sampled_shares(answers_of, n_parts, seed)


def exact_shares(answers_of: AnswersOf, n_parts: int) -> Shares:
    """From the answers to all subsets."""
    subsets = np.arange(2**n_parts)
    present = (subsets[:, None] >> np.arange(n_parts)) & 1 > 0
    answers = answers_of(present)
    sizes = present.sum(axis=1)
    values = np.zeros((n_parts, answers.shape[1]))
    for part in range(n_parts):
        without = subsets[~present[:, part]]
        weights = np.array([1.0 / (n_parts * comb(n_parts - 1, size)) for size in sizes[without].tolist()])
        values[part] = weights @ (answers[without | (1 << part)] - answers[without])
    return Shares(values, answers[-1], answers[0], np.zeros(n_parts))


def sampled_shares(answers_of: AnswersOf, n_parts: int, seed: int) -> Shares:
    """From pairs of random orders. Every order adds up by itself, and so does their mean."""
    n_pairs = max(_MIN_PAIRS, _BUDGET // (2 * n_parts))
    random = np.random.default_rng(seed)
    firsts = np.stack([random.permutation(n_parts) for _ in range(n_pairs)])
    orders = np.stack([firsts, firsts[:, ::-1]], axis=1).reshape(-1, n_parts)
    ranks = np.argsort(orders, axis=1)
    # The subsets that an order passes through, nothing first and the whole last.
    present = ranks[:, None, :] < np.arange(n_parts + 1)[None, :, None]
    distinct, places = np.unique(present.reshape(-1, n_parts), axis=0, return_inverse=True)
    answers = answers_of(distinct)[places.ravel()].reshape(len(orders), n_parts + 1, -1)
    steps = np.diff(answers, axis=1)
    gains = np.take_along_axis(steps, ranks[:, :, None], axis=1)
    pairs = gains.reshape(n_pairs, 2, n_parts, -1).mean(axis=1)
    errors = pairs[:, :, 0].std(axis=0, ddof=1) / np.sqrt(n_pairs)
    return Shares(pairs.mean(axis=0), answers[0, -1], answers[0, 0], errors, len(orders))
