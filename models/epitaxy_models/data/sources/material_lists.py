"""Lists of materials, one a line: SMILES, perhaps with a name behind them (``.smi``), and formulas (``.formulas``)."""

from collections.abc import Iterator
from pathlib import Path

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.material_value import material_reader
from epitaxy_models.data.sources.opened import open_text
from epitaxy_models.data.sources.records import ColumnNames
from epitaxy_models.materials.kind import MaterialKind

_HEADERS = frozenset({"smiles", "psmiles", "formula", "composition"})
_OPEN_END = "*"


class SmilesListSource:
    """A file of SMILES; the materials are polymers if every line has open ends."""

    kind = "SMILES list"

    def __init__(self, path: Path, _names: ColumnNames) -> None:
        self._lines = [_split(line) for line in _lines(path)]
        are_polymers = bool(self._lines) and all(_OPEN_END in smiles for smiles, _ in self._lines)
        self.columns: SourceColumns = SourceColumns(
            (), kind=MaterialKind.POLYMER if are_polymers else MaterialKind.MOLECULE
        )
        self.n_rows: int | None = len(self._lines)

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in order; a line without a name is called by its number."""
        for number, (smiles, name) in enumerate(self._lines, start=1):
            yield SourceRow(name or f"row-{number}", material_reader(self.columns.kind, smiles), {})


class FormulaListSource:
    """A file of formulas; each is its own name, and a repeated one is called by its number."""

    kind = "formula list"

    def __init__(self, path: Path, _names: ColumnNames) -> None:
        self._lines = list(_lines(path))
        self.columns: SourceColumns = SourceColumns((), kind=MaterialKind.COMPOSITION)
        self.n_rows: int | None = len(self._lines)

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in order."""
        seen: set[str] = set()
        for number, text in enumerate(self._lines, start=1):
            yield SourceRow(f"row-{number}" if text in seen else text, material_reader(self.columns.kind, text), {})
            seen.add(text)


def _lines(path: Path) -> Iterator[str]:
    """Lines that are neither empty nor comments nor a header."""
    with open_text(path) as file:
        for number, line in enumerate(file):
            text = line.strip()
            words = text.split()
            is_header = number == 0 and bool(words) and words[0].lower() in _HEADERS
            if text and not text.startswith("#") and not is_header:
                yield text


def _split(line: str) -> tuple[str, str]:
    """SMILES and name; the units of a copolymer are separated by blanks, so that its name stands behind a tab."""
    smiles, tab, name = line.partition("\t")
    is_copolymer = ";" in line and all(_OPEN_END in unit for unit in line.split(";")[:2])
    if not tab and not is_copolymer:
        smiles, _, name = line.partition(" ")
    return smiles.strip(), name.strip()
