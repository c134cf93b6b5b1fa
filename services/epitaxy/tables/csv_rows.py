"""Rows of CSV text, with the line on which each begins."""

import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
# A structure in a cell may be longer than the module allows.
_MAX_CELL_CHARACTERS = 64 << 20
_MAX_HEADER_CHARACTERS = 1 << 20
MAX_COLUMNS = 16_384
"""As many as a spreadsheet has."""


class CsvError(ValueError):
    """The text is not a table; the message says what to do."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row.

    Attributes:
        line: Line on which it begins, as editors count: the first line of the file is 1.
        cells: Cell by column; empty for the last ones of a row that is too short.
        n_extra: Cells beyond the header.
    """

    line: int
    cells: dict[str, str]
    n_extra: int = 0


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A table of which the header is read.

    Attributes:
        delimiter_name: ``"comma"``, ``"semicolon"``, ``"tab"`` or ``"bar"``.
    """

    names: tuple[str, ...]
    delimiter_name: str
    records: Iterator[tuple[int, list[str]]] = field(repr=False)

    @property
    def rows(self) -> Iterator[CsvRow]:
        """The rows, read as they are drawn; blank ones are left out. Raises CsvError."""
        return self.rows_with(self.names)

    def rows_with(self, wanted: Collection[str]) -> Iterator[CsvRow]:
        """The rows with the cells of these columns only: a short row of a wide table costs no more than it holds."""
        places = [(place, name) for place, name in enumerate(self.names) if name in frozenset(wanted)]
        return _rows(self.records, len(self.names), places)


def open_csv(lines: Iterable[str], wanted: Collection[str] = (), names: Collection[str] | None = None) -> CsvTable:
    """Reads the header of a table.

    Args:
        lines: Lines of the file with their ends as they are, without a byte order mark.
        wanted: Columns that the caller looks for; they tell which character separates cells.
        names: Names of the columns if the file has no header.

    Raises:
        CsvError: The separator is ambiguous, two columns have one of the wanted names, or there are too many.
    """
    source = iter(lines)
    skipped, first = 0, ""
    for first in source:
        if first.strip():
            break
        skipped += 1
    if names is None and len(first) > _MAX_HEADER_CHARACTERS:
        raise CsvError(f"the header has {len(first)} characters; at most {_MAX_HEADER_CHARACTERS} are allowed")
    stated = first.strip().lower()
    if names is None and stated.startswith("sep=") and len(stated) == 5:  # Excel's own line
        delimiter, skipped, first = stated[4], skipped + 1, next(source, "")
    else:
        delimiter = _delimiter(first, frozenset(wanted))
    records = _records(chain([first], source), delimiter, skipped)
    header = tuple(names) if names is not None else tuple(map(str.strip, next(records, (0, []))[1]))
    _check_names(header, wanted)
    return CsvTable(header, _DELIMITERS.get(delimiter, repr(delimiter)), records)


def _rows(
    records: Iterator[tuple[int, list[str]]], n_columns: int, places: Sequence[tuple[int, str]]
) -> Iterator[CsvRow]:
    for line, record in records:
        if any(map(str.strip, record)):
            extra = [cell for cell in record[n_columns:] if cell.strip()]
            n_cells = len(record)
            cells = {name: record[place] if place < n_cells else "" for place, name in places}
            yield CsvRow(line, cells, len(extra))


def _records(lines: Iterable[str], delimiter: str, n_skipped: int) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its cells."""
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        line = reader.line_num + n_skipped + 1
        # The limit belongs to the whole process, so it is put back after each row.
        before = csv.field_size_limit(_MAX_CELL_CHARACTERS)
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise CsvError(f"line {line}: {error}") from None
        finally:
            csv.field_size_limit(before)
        if record is None:
            return
        yield line, record


def _delimiter(first: str, wanted: frozenset[str]) -> str:
    headers = {mark: next(csv.reader([first], delimiter=mark), []) for mark in _DELIMITERS}
    hits = {mark: len(wanted & set(map(str.strip, names))) for mark, names in headers.items()}
    best = max(hits.values())
    splitting = [mark for mark, names in headers.items() if len(names) > 1 and hits[mark] == best]
    if "," in splitting and ";" in splitting and best == 0:
        raise CsvError(
            f"the header {first.strip()[:60]!r} holds commas and semicolons, so that the separator is ambiguous: "
            "quote cells that hold commas"
        )
    if hits[","] == best and (best > 0 or "," in splitting or not splitting):
        return ","
    return splitting[0] if splitting else next(mark for mark in _DELIMITERS if hits[mark] == best)


def _check_names(names: tuple[str, ...], wanted: Collection[str]) -> None:
    """Only columns that are read must be told apart."""
    if len(names) > MAX_COLUMNS:
        raise CsvError(f"the table has {len(names)} columns; at most {MAX_COLUMNS} are allowed: leave out some")
    repeated = [name for position, name in enumerate(names) if name in wanted and name in names[:position]]
    if repeated:
        raise CsvError(f"two columns are named {repeated[0]!r}: rename one")
