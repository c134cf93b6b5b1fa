"""Parts of a data set by reduced formula, decided by a hash: the same on every machine and in every order."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

PARTS = ("test", "calibration", "validation", "train")
# Upper ends of the parts on a scale of 1000: 5 % test, 5 % calibration, 3 % validation, the rest train.
_ENDS = (50, 100, 130, 1000)

_SYMBOL = re.compile(r"[A-Z][a-z]?")

# Poisson distribution of mean one, summed: how often a bootstrap of many formulas draws one of them.
_DRAWN_AT_MOST = (0.36788, 0.73576, 0.91970, 0.98101, 0.99634, 0.99941, 1.0)


class Resampling(StrEnum):
    """How the training sets of the members differ; either way a formula is in or out as a whole."""

    TENTH = "tenth"
    BOOTSTRAP = "bootstrap"


def part_of(formula: str) -> str:
    """Part to which every structure of a reduced formula belongs."""
    return next(part for part, end in zip(PARTS, _ENDS, strict=True) if _bucket(formula, "split") < end)


def parts_of(formulas: Sequence[str]) -> NDArray[np.str_]:
    """Part of each row, ``[n_rows]``."""
    known = {formula: part_of(formula) for formula in set(formulas)}
    return np.array([known[formula] for formula in formulas])


def member_weights(
    formulas: Sequence[str], member: int, resampling: Resampling = Resampling.TENTH
) -> NDArray[np.float32]:
    """How often a member counts each row, ``[n_rows]``; 0 if it never sees it: out of its bag.

    ``TENTH`` leaves out the member's own tenth of the formulas, ``BOOTSTRAP`` draws formulas with replacement, which
    leaves out 37 %.
    """
    weight = _tenth_weight if resampling is Resampling.TENTH else _bootstrap_weight
    known = {formula: weight(_bucket(formula, f"member-{member}")) for formula in set(formulas)}
    return np.array([known[formula] for formula in formulas], dtype=np.float32)


def class_weights(formulas: Sequence[str], by_class: Sequence[float]) -> NDArray[np.float32]:
    """Weight of each row by its number of elements, ``[n_rows]``.

    Args:
        formulas: Reduced formula of each row.
        by_class: Weights of one, two, ... elements; the last one holds for all that have more. Empty: all count once.
    """
    if not by_class:
        return np.ones(len(formulas), dtype=np.float32)
    known = {text: by_class[min(_n_elements(text), len(by_class)) - 1] for text in set(formulas)}
    return np.array([known[text] for text in formulas], dtype=np.float32)


def _n_elements(formula: str) -> int:
    return len(set(_SYMBOL.findall(formula)))


def _tenth_weight(bucket: int) -> int:
    return int(bucket >= 100)


def _bootstrap_weight(bucket: int) -> int:
    return bisect_right(_DRAWN_AT_MOST, (bucket + 0.5) / 1000)


def _bucket(formula: str, purpose: str) -> int:
    digest = blake2b(f"{purpose}:{formula}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % 1000
