"""Whether the parts that are said to matter do: they are taken away and put back, in order and in random orders."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_RANDOM_ORDERS = 20
# Share of the random orders that an order has to beat.
_BEATEN = 0.9
# Fewer parts have so few orders that a random one is the right one too often.
_MIN_PARTS = 4
_N_STEPS = 8

# What the ensemble says of what is left, ``[n_variants]``, from parts that are left, ``[n_variants, n_parts]``.
ValueOfParts = Callable[[NDArray[np.bool_]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How an order of parts fares in its test.

    A share of the change is that of the way from the whole crystal to nothing, or back; in the mean over the steps it
    is large where the first parts matter most.

    Attributes:
        deletion: Mean share made by taking parts away in the order.
        insertion: Mean share made by putting them back.
        random_deletion: The same in random orders, mean over them.
        random_insertion: The same.
        beats_random: Share of random orders whose deletion and insertion together are smaller, 0 to 1.
        n_parts: Parts in the order.
        n_random_orders: Orders it was compared with.
        reason: Why the order is not to be relied on; empty if it is.
    """

    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float
    beats_random: float
    n_parts: int
    n_random_orders: int
    reason: str

    @property
    def is_faithful(self) -> bool:
        """Whether the order passes."""
        return not self.reason


def judge(contributions: NDArray[np.float64], value_of: ValueOfParts, seed: int) -> Faithfulness:
    """Tests contributions ``[n_parts]``: those that drive the change most come first.

    The same seed draws the same random orders. Each is taken backwards too: putting parts back in an order meets the
    same crystals as taking them away in its reverse.
    """
    n_parts = len(contributions)
    whole, nothing = value_of(np.stack([np.ones(n_parts, np.bool_), np.zeros(n_parts, np.bool_)]))
    change = whole - nothing
    if n_parts < _MIN_PARTS or abs(change) < 1e-9:
        return _untested(n_parts)
    own = np.argsort(-contributions * np.sign(change), kind="stable")
    random = np.random.default_rng(seed)
    orders = np.stack([own, *(random.permutation(n_parts) for _ in range(N_RANDOM_ORDERS // 2))])
    both = np.stack([orders, orders[:, ::-1]], axis=1)
    deletion = _shares_taken(both.reshape(-1, n_parts), value_of, whole, change).reshape(-1, 2)
    insertion = 1 - deletion[:, ::-1]
    return _verdict(deletion, insertion, n_parts)


def _shares_taken(
    orders: NDArray[np.int64], value_of: ValueOfParts, whole: float, change: float
) -> NDArray[np.float64]:
    """Mean share of the change over the steps of each order, ``[n_orders]``."""
    n_orders, n_parts = orders.shape
    steps = np.unique(np.rint(np.linspace(0, n_parts, min(_N_STEPS, n_parts - 1) + 2)[1:-1]).astype(np.int64))
    ranks = np.argsort(orders, axis=1)
    present = ranks[:, None, :] >= steps[:, None]
    values = value_of(present.reshape(-1, n_parts)).reshape(n_orders, len(steps))
    return np.asarray(((whole - values) / change).mean(axis=1))


def _verdict(deletion: NDArray[np.float64], insertion: NDArray[np.float64], n_parts: int) -> Faithfulness:
    """From both scores of each order and of its reverse, ``[1 + n_random, 2]``; the order itself in the first row."""
    totals = deletion + insertion
    beaten = float((totals[0, 0] > totals[1:]).mean())
    reason = "" if beaten >= _BEATEN else (
        "taking parts away in the order of their contributions changes the prediction no faster than "
        f"{1 - beaten:.0%} of {totals[1:].size} random orders do"
    )  # fmt: skip
    return Faithfulness(
        deletion=float(deletion[0, 0]),
        insertion=float(insertion[0, 0]),
        random_deletion=float(deletion[1:].mean()),
        random_insertion=float(insertion[1:].mean()),
        beats_random=beaten,
        n_parts=n_parts,
        n_random_orders=totals[1:].size,
        reason=reason,
    )


def _untested(n_parts: int) -> Faithfulness:
    reason = f"only {n_parts} {'part' if n_parts == 1 else 'parts'}: too few for an order of them to be tested"
    if n_parts >= _MIN_PARTS:
        reason = "the prediction is that of atoms of no element in particular: nothing is there to explain"
    return Faithfulness(0.0, 0.0, 0.0, 0.0, 0.0, n_parts, 0, reason)
