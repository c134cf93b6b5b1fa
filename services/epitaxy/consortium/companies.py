"""Rows of one table as those of companies that would not show them to each other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

LEAST_TEST_ROWS = 5
# A column with so many values names sources, such as publications, rather than companies.
_MANY_VALUES = 20
_REST = "the rest"


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """One member of a simulated consortium.

    Attributes:
        name: Values of the column that it has.
        rows: Numbers of its rows.
    """

    name: str
    rows: NDArray[np.int64]


def companies_of(values: Sequence[str | None], n_members: int, n_rows: int, column: str) -> tuple[Company, ...]:
    """The largest values are companies, all others together the last.

    If the column has many values and the largest are too small, as with publications, whole values are dealt: the
    largest that is left goes to the company with the fewest rows.

    Args:
        values: Of the column, None where a row has none: it belongs to the last company.
        n_members: Companies.
        n_rows: That each brings in.
        column: Name, for errors.

    Raises:
        ConfigurationError: TOO_FEW_COMPANIES, or TOO_FEW_ROWS names the company that has too few.
    """
    counts = Counter(value for value in values if value is not None)
    if len(counts) < n_members - 1 or len(set(values)) < n_members:
        message = f"{column} has {len(counts)} values: {n_members} companies need {n_members} or more"
        raise ConfigurationError(message, reason="TOO_FEW_COMPANIES")
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    found = _largest(values, ordered[: n_members - 1])
    needed = n_rows + LEAST_TEST_ROWS
    if len(counts) >= _MANY_VALUES and min(len(one.rows) for one in found) < needed:
        found = _dealt(values, [(value, counts[value]) for value in ordered], n_members)
    for company in found:
        if len(company.rows) < needed:
            message = (
                f"{column} = {company.name} has {len(company.rows)} rows: {n_rows} to learn from and at least "
                f"{LEAST_TEST_ROWS} to test on are needed. Give fewer --rows or another column"
            )
            raise ConfigurationError(message, reason="TOO_FEW_ROWS")
    return tuple(found)


def _largest(values: Sequence[str | None], names: Sequence[str]) -> list[Company]:
    places = [Company(name, _rows_of(values, {name})) for name in names]
    rest = set(values) - set(names)
    return [*places, Company(_REST, _rows_of(values, rest))]


def _dealt(values: Sequence[str | None], ordered: Sequence[tuple[str, int]], n_members: int) -> list[Company]:
    hands: list[set[str | None]] = [set() for _ in range(n_members)]
    sizes = [0] * n_members
    for value, count in ordered:
        hand = sizes.index(min(sizes))
        hands[hand].add(value)
        sizes[hand] += count
    hands[-1].add(None)
    return [Company(f"group {number + 1}", _rows_of(values, hand)) for number, hand in enumerate(hands)]


def _rows_of(values: Sequence[str | None], wanted: "set[str] | set[str | None]") -> NDArray[np.int64]:
    return np.array([row for row, value in enumerate(values) if value in wanted], dtype=np.int64)
