"""The best rows of a screening, beside measured values."""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from epitaxy.cli.wording import interval_text, value_text
from epitaxy.client import ItemError
from epitaxy.client.inputs.rows import open_csv_rows
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.screening.rows import COLUMNS, Row
from epitaxy.tables.ids import ID_NAMES, own_id
from epitaxy.tables.numbers import read_column

_SHOWN_CELLS = 20


@dataclass(frozen=True, slots=True)
class Measurements:
    """Measured values of one property, by id.

    Attributes:
        column: Name of the column that the values come from, with its unit.
    """

    column: str
    values: Mapping[str, float] = field(repr=False)

    @classmethod
    def read(cls, path: Path, property_name: str) -> "Measurements":
        """Reads the ids and the column ``<property>_measured...`` of a CSV file, by the rules of all tables.

        Raises:
            ValueError: A column is missing, or values are not numbers.
        """
        wanted = f"{property_name}_measured"
        stream = open_csv_rows(StoredFile(str(path)), ID_NAMES)
        names = stream.names or ()
        column = next((name for name in names if name.startswith(wanted)), None)
        if column is None or stream.id_column is None:
            raise ValueError(f"{path} needs the columns id and {wanted}..., but has {', '.join(names)}")
        rows = [(row.line, row.cells) for row in stream.rows if not isinstance(row.cells, ItemError)]
        numbers = read_column(cells[column] for _, cells in rows)
        if numbers.bad:
            shown = "; ".join(f"line {rows[row][0]}: {column} holds {what}" for row, what in numbers.bad[:_SHOWN_CELLS])
            more = f"; and {len(numbers.bad) - _SHOWN_CELLS} more" if len(numbers.bad) > _SHOWN_CELLS else ""
            raise ValueError(f"{path}: {shown}{more}")
        ids = [own_id(cells, stream.id_column) for _, cells in rows]
        pairs = zip(ids, numbers.values, strict=True)
        return cls(column, {row_id: value for row_id, value in pairs if row_id is not None and not math.isnan(value)})


class Ranking:
    """Keeps the best ``size`` values of one property as rows go by."""

    def __init__(self, property_name: str, size: int, *, ascending: bool, level_of_theory: str = "") -> None:
        self.property_name = property_name
        self._level_of_theory = level_of_theory
        self._size = size
        self._sign = -1.0 if ascending else 1.0
        self._order = count(0, -1)
        self._best: list[tuple[float, int, Row]] = []

    def see(self, row: Row) -> None:
        """Adds a row if it is among the best. Of equal rows the earlier is kept."""
        name, value = row[_PROPERTY], row[_VALUE]
        if name != self.property_name or not isinstance(value, int | float):
            return
        entry = (self._sign * value, next(self._order), row)
        if len(self._best) < self._size:
            heapq.heappush(self._best, entry)
        else:
            heapq.heappushpop(self._best, entry)

    def best_of(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """Places among later values that may be among the best of all; every other row need not be seen."""
        keys = self._sign * values
        if len(self._best) == self._size:
            places = np.flatnonzero(keys > self._best[0][0])
        else:
            places = np.flatnonzero(~np.isnan(keys))
        if len(places) <= self._size:
            return places
        # Of equal values the earlier one is kept, as ``see`` keeps it.
        return places[np.argsort(-keys[places], kind="stable")[: self._size]]

    def rows(self) -> list[Row]:
        """The best rows, best first."""
        return [row for _, _, row in sorted(self._best, reverse=True)]

    def table(self, measured: Measurements | None) -> Table:
        """The ranking as a table, with a column of measured values if there are any."""
        rows = self.rows()
        order = "lowest" if self._sign < 0 else "highest"
        theory = f" ({self._level_of_theory})" if self._level_of_theory else ""
        title = f"{self.property_name}{theory}, {order} {len(rows)}"
        return ranking_table(title, rows, measured)


def ranking_table(title: str, rows: Sequence[Row], measured: Measurements | None) -> Table:
    """Rows as a table in their order, with a column of measured values if there are any."""
    coverage = f"{100 * rows[0][_COVERAGE]:g} % interval" if rows else "interval"  # type: ignore[operator]
    table = Table(title=title, title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("id", overflow="fold")
    table.add_column("formula")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column(coverage, justify="right")
    if measured is not None:
        table.add_column("measured", justify="right")
    table.add_column("domain")
    table.add_column("review", overflow="fold")
    table.add_column("cache hit")
    for place, row in enumerate(rows, start=1):
        table.add_row(str(place), *_cells(dict(zip(COLUMNS, row, strict=True)), measured))
    return table


def _cells(row: Mapping[str, Any], measured: Measurements | None) -> list[str]:
    known = [] if measured is None else [_measured_text(measured.values.get(row["id"]))]
    return [
        row["id"],
        row["formula"] or "",
        value_text(row["value"]),
        row["unit"],
        interval_text(row["lower"], row["upper"]),
        *known,
        row["domain_verdict"].lower().replace("_", " "),
        _review_text(row),
        "yes" if row["cache_hit"] else "no",
    ]


def _review_text(row: Mapping[str, Any]) -> str:
    """Formats the verdict and the rules behind it: ``"review: out of domain"``."""
    verdict, rules = (row["review"] or "").lower(), (row["review_rules"] or "").lower().replace("_", " ")
    return f"{verdict}: {rules}" if rules else verdict


def _measured_text(value: float | None) -> str:
    return "" if value is None else value_text(value)


_PROPERTY, _VALUE, _COVERAGE = (COLUMNS.index(name) for name in ("property", "value", "coverage"))
