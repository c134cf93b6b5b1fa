"""Repeated splits that never tear a formula apart, decided by hashes: the same on every machine and in every order."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

# Few rows need every one of them for training; many need fewer, costlier fits.
_FOLDS_BY_ROWS = ((30, 10), (500, 5))
_FOLDS_OF_MANY = 3


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows to fit on and rows to test on; no formula lies in both.

    Attributes:
        train: Ascending rows, int64 ``[n_train]``.
        test: Ascending rows, int64 ``[n_test]``.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def n_folds_for(n_rows: int, n_formulas: int) -> int:
    """Folds that suit that many rows: 10 up to 30 rows, 5 up to 500, then 3; never more than formulas."""
    wanted = next((folds for limit, folds in _FOLDS_BY_ROWS if n_rows <= limit), _FOLDS_OF_MANY)
    return min(wanted, n_formulas)


def grouped_folds(
    formulas: Sequence[str],
    seed: int,
    n_repeats: int = 5,
    n_folds: int | None = None,
    strata: NDArray[np.int64] | None = None,
) -> tuple[Split, ...]:
    """``n_repeats`` times k folds; within a repeat every row is tested once. Splits of a repeat follow each other.

    With ``strata``, one number a row, each number is spread over the folds as evenly as the formulas allow.

    Raises ConfigurationError (TOO_FEW_FORMULAS) below two formulas.
    """
    rows_by_formula = _rows_by_formula(formulas)
    folds = n_folds or n_folds_for(len(formulas), len(rows_by_formula))
    if not 2 <= folds <= len(rows_by_formula):
        raise ConfigurationError(
            f"{len(rows_by_formula)} formulas cannot be tested in {folds} folds: give labels of at least "
            f"{max(folds, 2)} different formulas",
            reason="TOO_FEW_FORMULAS",
        )
    splits: list[Split] = []
    for repeat in range(n_repeats):
        salt = f"{seed}/fold/{repeat}"
        if strata is None:
            parts = _even_parts(rows_by_formula, folds, salt)
        else:
            parts = _stratified_parts(rows_by_formula, folds, salt, strata)
        splits.extend(_split(len(formulas), test) for test in parts)
    return tuple(splits)


def few_label_draws(
    formulas: Sequence[str], n: int, n_draws: int, seed: int = 0, n_test_max: int | None = None
) -> tuple[Split, ...]:
    """Points of a learning curve: ``n`` training rows each, tested on rows of other formulas only.

    The draws of a larger ``n`` hold those of a smaller one. Raises ConfigurationError (TOO_FEW_LABELS) if ``n`` rows
    leave no other formula.
    """
    rows_by_formula = _rows_by_formula(formulas)
    return tuple(_draw(rows_by_formula, n, n_test_max, f"{seed}/draw/{number}") for number in range(n_draws))


def _draw(rows_by_formula: dict[str, list[int]], n: int, n_test_max: int | None, salt: str) -> Split:
    order = _shuffled(rows_by_formula, salt)
    train: list[int] = []
    taken = 0
    while len(train) < n and taken < len(order):
        train += rows_by_formula[order[taken]]
        taken += 1
    # From the far end, so that draws of every n are tested on nearly the same rows.
    test = [row for formula in reversed(order[taken:]) for row in rows_by_formula[formula]][:n_test_max]
    if len(train) < n or not test:
        raise ConfigurationError(
            f"{n} training rows of {sum(map(len, rows_by_formula.values()))} leave none to test on",
            reason="TOO_FEW_LABELS",
        )
    return Split(_sorted_rows(train[:n]), _sorted_rows(test))


def _even_parts(rows_by_formula: dict[str, list[int]], n_parts: int, salt: str) -> list[list[int]]:
    """Large formulas first, each to the part with the fewest rows."""
    parts: list[list[int]] = [[] for _ in range(n_parts)]
    for formula in sorted(_shuffled(rows_by_formula, salt), key=lambda name: -len(rows_by_formula[name])):
        min(parts, key=len).extend(rows_by_formula[formula])
    return parts


def _stratified_parts(
    rows_by_formula: dict[str, list[int]], n_parts: int, salt: str, strata: NDArray[np.int64]
) -> list[list[int]]:
    """Large formulas first, each to the part with the fewest rows of the stratum that most of its rows belong to."""
    parts: list[list[int]] = [[] for _ in range(n_parts)]
    for formula in sorted(_shuffled(rows_by_formula, salt), key=lambda name: -len(rows_by_formula[name])):
        rows = rows_by_formula[formula]
        own = int(np.bincount(strata[rows]).argmax())
        held = [(int(np.count_nonzero(strata[part] == own)), len(part)) for part in parts]
        parts[held.index(min(held))].extend(rows)
    return parts


def _shuffled(rows_by_formula: dict[str, list[int]], salt: str) -> list[str]:
    return sorted(rows_by_formula, key=lambda formula: blake2b(f"{salt}:{formula}".encode(), digest_size=16).digest())


def _rows_by_formula(formulas: Sequence[str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, formula in enumerate(formulas):
        rows.setdefault(formula, []).append(row)
    return rows


def _split(n_rows: int, test: list[int]) -> Split:
    return Split(np.setdiff1d(np.arange(n_rows), test), _sorted_rows(test))


def _sorted_rows(rows: list[int]) -> NDArray[np.int64]:
    return np.array(sorted(rows), dtype=np.int64)
