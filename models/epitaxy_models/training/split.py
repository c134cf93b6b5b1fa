"""Parts of a data set by reduced formula, decided by a hash: the same on every machine and in every order."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

PARTS = ("test", "calibration", "validation", "train")
# Upper ends of the parts on a scale of 1000: 5 % test, 5 % calibration, 3 % validation, the rest train.
_ENDS = (50, 100, 130, 1000)


def part_of(formula: str) -> str:
    """Part to which every structure of a reduced formula belongs."""
    return next(part for part, end in zip(PARTS, _ENDS, strict=True) if _bucket(formula, "split") < end)


def parts_of(formulas: Sequence[str]) -> NDArray[np.str_]:
    """Part of each row, ``[n_rows]``."""
    known = {formula: part_of(formula) for formula in set(formulas)}
    return np.array([known[formula] for formula in formulas])


def kept_by_member(formulas: Sequence[str], member: int, left_out: float = 0.1) -> NDArray[np.bool_]:
    """False where a member never sees the row: its own tenth of the formulas, out-of-bag, ``[n_rows]``."""
    cut = 1000 * left_out
    known = {formula: _bucket(formula, f"member-{member}") >= cut for formula in set(formulas)}
    return np.array([known[formula] for formula in formulas])


def _bucket(formula: str, purpose: str) -> int:
    digest = blake2b(f"{purpose}:{formula}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % 1000
