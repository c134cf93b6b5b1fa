"""Extended XYZ files of many frames; the values on a frame's second line are its labels."""

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.opened import open_text
from epitaxy_models.data.sources.records import ColumnScan
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures.text_formats import TextFormat, read_text

# Values in quotes and brackets are arrays or texts; a label is one bare word or a quoted one.
_ENTRY = re.compile(r"""(?<!\S)([A-Za-z][\w./-]{0,63})=("[^"]*"|'[^']*'|\{[^}]*\}|\[[^\]]*\]|\S+)""")
_NO_LABELS = frozenset({"lattice", "properties", "pbc", "origin", "virial", "stress", "momenta"})
_ID_KEYS = ("id", "material_id", "mp_id", "jid", "name", "config_name")
# ASE writes energies in eV and nothing else.
_KNOWN_UNITS = {"energy": "eV", "free_energy": "eV"}


class ExtendedXyzSource:
    """An extended XYZ file, read twice: once for its keys."""

    kind = "extxyz"

    def __init__(self, path: Path, id_key: str | None = None) -> None:
        """Raises ConfigurationError (BAD_FRAME) where frames cannot be told apart."""
        self._path = path
        scan = ColumnScan(reads_text=True)
        for _, values in self._frames():
            scan.see(values)
        self._id_key = id_key or next((key for key in _ID_KEYS if key in scan.names), None)
        found = scan.columns(frozenset({self._id_key} if self._id_key else ()))
        self.columns: SourceColumns = SourceColumns(found.numeric, found.other, _KNOWN_UNITS)
        self.n_rows: int | None = scan.n_records

    def rows(self) -> Iterator[SourceRow]:
        """All frames, in order."""
        for number, (text, values) in enumerate(self._frames(), start=1):
            row_id = values.pop(self._id_key, None) if self._id_key else None
            yield SourceRow(row_id or f"frame-{number}", partial(read_text, text, TextFormat.EXTXYZ), values)

    def _frames(self) -> Iterator[tuple[str, dict[str, str]]]:
        with open_text(self._path) as file:
            line_number = 0
            for line in file:
                line_number += 1
                if not line.strip():
                    continue
                n_sites = self._count(line, line_number)
                lines = [line, *islice(file, n_sites + 1)]
                # A frame cut off at the end of the file is for intake to refuse.
                yield "".join(lines), _comment_values(lines[1] if len(lines) > 1 else "")
                line_number += n_sites + 1

    def _count(self, line: str, line_number: int) -> int:
        text = line.strip()
        if not text.isdecimal() or len(text) > 7:
            raise ConfigurationError(
                f"line {line_number} of {self._path.name} must be the number of atoms of a frame and is {text[:40]!r}: "
                "an earlier frame has more or fewer lines than it announces",
                reason="BAD_FRAME",
            )
        return int(text)


def _comment_values(line: str) -> dict[str, str]:
    return {match[1]: match[2].strip("\"'") for match in _ENTRY.finditer(line) if match[1].lower() not in _NO_LABELS}
