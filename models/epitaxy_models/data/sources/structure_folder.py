"""A folder of structure files beside a list of targets: the layout of CGCNN (``id_prop.csv``) and MatDeepLearn.

CGCNN: ``id_prop.csv`` without a header, ``<id>.cif``. MatDeepLearn: ``targets.csv`` without a header, ``<id>`` with the
ending of any format that ASE writes.
"""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.opened import UNPACKING_ERRORS, open_bytes, open_text, unpacked_name
from epitaxy_models.data.sources.records import ColumnScan
from epitaxy_models.errors import ConfigurationError, InvalidStructureError
from epitaxy_models.structures.cif_embedded import MAX_CIF_CHARACTERS
from epitaxy_models.structures.intake import Intake, RefusalReason
from epitaxy_models.structures.text_formats import TextFormat, read_single

TARGET_LISTS = ("id_prop.csv", "targets.csv")
MISSING_FILE = "MISSING_FILE"
NOT_LISTED = "NOT_LISTED"
_FORMATS = {
    ".cif": TextFormat.CIF,
    ".mcif": TextFormat.CIF,
    ".json": TextFormat.PYMATGEN_JSON,
    ".vasp": TextFormat.POSCAR,
    ".poscar": TextFormat.POSCAR,
    ".contcar": TextFormat.POSCAR,
    ".xyz": TextFormat.EXTXYZ,
    ".extxyz": TextFormat.EXTXYZ,
}
_POSCAR_NAMES = ("POSCAR", "CONTCAR")
# Parts of the two layouts that are no crystals.
_NO_CRYSTALS = frozenset({"atom_init.json", "atom_dict.json"})


class StructureFolderSource:
    """The crystals that a list of targets names; files that it does not name are refused, not passed over."""

    kind = "folder of structures"

    def __init__(self, folder: Path) -> None:
        """Raises ConfigurationError (NO_TARGET_LIST, BAD_CSV)."""
        self._list = next((folder / name for name in TARGET_LISTS if (folder / name).is_file()), None)
        if self._list is None:
            raise ConfigurationError(f"{folder} holds neither {' nor '.join(TARGET_LISTS)}", reason="NO_TARGET_LIST")
        self._files = _structure_files(folder)
        self._targets = _read_targets(self._list)
        scan = ColumnScan(reads_text=True)
        for _, labels in self._targets:
            scan.see(labels)
        self.columns: SourceColumns = scan.columns(frozenset())
        listed = {name for name, _ in self._targets}
        self._unlisted = sorted(self._files.keys() - listed)
        self.n_rows: int | None = len(self._targets) + len(self._unlisted)

    def rows(self) -> Iterator[SourceRow]:
        """Rows of the list, in order, then files that it does not name."""
        for name, labels in self._targets:
            yield SourceRow(name, partial(_read_file, name, self._files.get(name)), labels)
        for name in self._unlisted:
            yield SourceRow(name, partial(_refuse_unlisted, name), {})


def _structure_files(folder: Path) -> dict[str, Path]:
    found = ((path, _format_of(path)) for path in sorted(folder.iterdir()))
    return {
        _stem_of(path): path
        for path, text_format in found
        if text_format is not None and path.name not in _NO_CRYSTALS and path.is_file()
    }


def _format_of(path: Path) -> TextFormat | None:
    """By the ending before that of a packed file, or by VASP's names; None for what holds no crystal."""
    name = unpacked_name(path)
    known = _FORMATS.get(Path(name).suffix.lower())
    return TextFormat.POSCAR if known is None and name.upper().startswith(_POSCAR_NAMES) else known


def _stem_of(path: Path) -> str:
    name = unpacked_name(path)
    return Path(name).stem if Path(name).suffix.lower() in _FORMATS else name


def _read_targets(path: Path) -> list[tuple[str, dict[str, str]]]:
    with open_text(path) as file:
        try:
            lines = [line for line in csv.reader(file) if any(field.strip() for field in line)]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path.name}: {error}", reason="BAD_CSV") from error
    width = len(lines[0]) if lines else 0
    uneven = next((number for number, line in enumerate(lines, start=1) if len(line) != width), None)
    if width < 2 or uneven is not None:
        raise ConfigurationError(
            f"{path.name}, row {uneven or 1}: each row is an id, then the same number of values", reason="BAD_CSV"
        )
    names, lines = _header(lines)
    return [(line[0].strip(), dict(zip(names, (field.strip() for field in line[1:]), strict=True))) for line in lines]


def _header(lines: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Names of the targets: ``target``, ``target_2`` ... where the first row is a crystal already."""
    try:
        float(lines[0][1])
    except ValueError:
        return [name.strip() for name in lines[0][1:]], lines[1:]
    n_targets = len(lines[0]) - 1
    return ["target", *(f"target_{number}" for number in range(2, n_targets + 1))], lines


def _read_file(name: str, path: Path | None) -> Intake:
    if path is None:
        raise InvalidStructureError(f"there is no file {name} with one of {', '.join(_FORMATS)}", reason=MISSING_FILE)
    try:
        with open_bytes(path) as file:
            content = file.read(MAX_CIF_CHARACTERS + 1)
    except (OSError, *UNPACKING_ERRORS) as error:
        raise InvalidStructureError(
            f"{path.name} cannot be unpacked ({str(error)[:80]}): copy it anew", reason=RefusalReason.UNREADABLE
        ) from error
    text_format = _format_of(path)
    return read_single(content.decode(errors="replace"), text_format or TextFormat.CIF)


def _refuse_unlisted(name: str) -> Intake:
    raise InvalidStructureError(f"the list of targets has no row for {name}", reason=NOT_LISTED)
