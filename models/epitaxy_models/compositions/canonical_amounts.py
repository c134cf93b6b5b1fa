"""The one way of writing amounts that does not depend on their order, scale and last digits.

Amounts come as ``Al0.25CoFeNi``, ``AlCo4Fe4Ni4`` or ``7.69 / 30.77 / 30.77 / 30.77 at. %``. Exact comparison joins the
first two and not the third, and a grid of rounded fractions tears equal compositions apart at the edges of its cells.
So fractions that lie within rounding of a ratio of small whole numbers are taken for that ratio; all others are
rounded to six decimals, so that they add up to one million exactly.
"""

from collections.abc import Sequence
from math import fsum, gcd

import numpy as np

RESOLUTION = 1_000_000
"""Parts into which the atoms of a composition are divided where they are no ratio of small whole numbers."""

# Nine decimals take the noise of floating-point scaling away before anything is compared.
_GUARD = 1_000_000_000
_UNIT = _GUARD // RESOLUTION
_EXACT = 2
# Percents of one decimal that add up to 100 ("33.3 / 33.3 / 33.4") err by up to 7e-4, those of two decimals by 1e-4.
# A cell of 400 sites with one vacancy still differs from the full one.
_WIDE, _WIDE_PARTS = 700_000, 24
_NARROW, _NARROW_PARTS = 100_000, 100
_PARTS = np.arange(1, _NARROW_PARTS + 1, dtype=np.int64)
_TOLERANCES = np.where(_PARTS <= _WIDE_PARTS, _WIDE, _NARROW)


def canonical_amounts(amounts: Sequence[float]) -> tuple[int, ...]:
    """Whole numbers in the ratio of ``amounts``, in their order: smallest ones, or parts of ``RESOLUTION``.

    All amounts are positive and finite. An amount below 0.5 ppm of the whole becomes 0. Equal for any positive factor.
    """
    largest = max(amounts)
    # Most formulas are whole numbers already; what follows would find the same.
    if largest <= _NARROW_PARTS and all(amount == int(amount) for amount in amounts):
        numbers = _reduced([int(amount) for amount in amounts])
        if sum(numbers) <= _NARROW_PARTS:
            return numbers
    # Only ratios matter: dividing by the largest keeps sums finite.
    total = fsum(amount / largest for amount in amounts)
    fractions = [round(amount / largest / total * _GUARD) for amount in amounts]
    return _small_ratio(fractions) or _parts_of_million(fractions)


def _small_ratio(fractions: Sequence[int]) -> tuple[int, ...] | None:
    """The smallest whole numbers, none of them 0, that are the fractions; None if there are none."""
    if min(fractions) * _NARROW_PARTS * 2 < _GUARD:
        return None
    scaled = np.multiply.outer(_PARTS, np.array(fractions, dtype=np.int64))
    whole = (scaled + _GUARD // 2) // _GUARD
    misfit = np.abs(scaled - whole * _GUARD).max(axis=1)
    is_ratio = (whole.min(axis=1) > 0) & (whole.sum(axis=1) == _PARTS)
    # What is an exact ratio is meant: B62K11 is not B17K3.
    for tolerances in (_EXACT, _TOLERANCES):
        places = np.flatnonzero(is_ratio & (misfit <= tolerances * _PARTS))
        if len(places):
            return _reduced(whole[places[0]].tolist())
    return None


def _reduced(numbers: Sequence[int]) -> tuple[int, ...]:
    divisor = gcd(*numbers)
    return tuple(number // divisor for number in numbers)


def _parts_of_million(fractions: Sequence[int]) -> tuple[int, ...]:
    """Largest remainders: rounded so that the sum is kept."""
    parts = [fraction // _UNIT for fraction in fractions]
    missing = RESOLUTION - sum(parts)
    # Of equal remainders the larger amount is rounded up, then the earlier one.
    order = sorted(range(len(parts)), key=lambda place: (-(fractions[place] % _UNIT), -fractions[place], place))
    for place in order[:missing]:
        parts[place] += 1
    return tuple(parts)
