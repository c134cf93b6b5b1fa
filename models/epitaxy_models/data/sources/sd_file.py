"""SD files: molecules as connection tables (``.sdf``, ``.sd``, ``.mol``), each with data items as labels."""

import re
from collections.abc import Iterator
from pathlib import Path

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.material_value import material_reader
from epitaxy_models.data.sources.opened import open_text
from epitaxy_models.data.sources.records import ColumnNames, ColumnScan
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials.kind import MaterialKind

_END_OF_RECORD = "$$$$"
_END_OF_TABLE = "M  END"
_ITEM = re.compile(r">.*<([^>]+)>")
_ID_ITEMS = ("id", "name", "cid", "pubchem_compound_cid")


class SdFileSource:
    """An SD file, read twice: once for the names of its data items."""

    kind = "SD file"

    def __init__(self, path: Path, names: ColumnNames) -> None:
        """Raises ConfigurationError (UNREADABLE_FILE, UNKNOWN_COLUMN)."""
        self._path = path
        scan = ColumnScan(reads_text=True)
        for _, _, items in self._records():
            scan.see(items)
        if names.id is not None and names.id not in scan.names:
            raise ConfigurationError(
                f"there is no data item {names.id!r}; there are {', '.join(scan.names) or 'none'}",
                reason="UNKNOWN_COLUMN",
            )
        by_lower = {name.lower(): name for name in reversed(scan.names)}
        self._id = names.id or next((by_lower[name] for name in _ID_ITEMS if name in by_lower), None)
        taken = frozenset({self._id} if self._id else ())
        self.columns: SourceColumns = scan.columns(taken, MaterialKind.MOLECULE)
        self.n_rows: int | None = scan.n_records

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in order. A row is called by its id item, else by its title, else by its number."""
        for number, (title, block, items) in enumerate(self._records(), start=1):
            row_id = (items.pop(self._id, "") if self._id else "") or title or f"row-{number}"
            yield SourceRow(row_id, material_reader(MaterialKind.MOLECULE, block), items)

    def _records(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Title, connection table and data items of each record."""
        lines: list[str] = []
        try:
            with open_text(self._path) as file:
                for line in file:
                    text = line.rstrip("\r\n")
                    if text.startswith(_END_OF_RECORD):
                        yield _record(lines)
                        lines = []
                    else:
                        lines.append(text)
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{self._path.name} is not text: {error}", reason="UNREADABLE_FILE") from error
        if any(map(str.strip, lines)):
            yield _record(lines)


def _record(lines: list[str]) -> tuple[str, str, dict[str, str]]:
    end = next((place for place, line in enumerate(lines) if line.startswith(_END_OF_TABLE)), len(lines) - 1)
    title = lines[0].strip() if lines else ""
    return title, "\n".join(lines[: end + 1]) + "\n", _items(lines[end + 1 :])


def _items(lines: list[str]) -> dict[str, str]:
    """Values by name; the lines of one value are joined, and an empty line ends it."""
    items: dict[str, str] = {}
    name = ""
    for line in lines:
        found = _ITEM.match(line)
        if found:
            name = found.group(1).strip()
            items[name] = ""
        elif not line.strip():
            name = ""
        elif name:
            items[name] = f"{items[name]}\n{line.strip()}".strip()
    return items
