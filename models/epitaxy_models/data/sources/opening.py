"""The reader for a path."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from epitaxy_models.data.source_row import Source
from epitaxy_models.data.sources.ase_database import AseDatabaseSource
from epitaxy_models.data.sources.csv_table import CsvSource
from epitaxy_models.data.sources.data_frame import DataFrameSource
from epitaxy_models.data.sources.extended_xyz import ExtendedXyzSource
from epitaxy_models.data.sources.json_lines import JsonLinesSource
from epitaxy_models.data.sources.material_lists import FormulaListSource, SmilesListSource
from epitaxy_models.data.sources.opened import PACKED_ENDINGS, open_text, unpacked_name
from epitaxy_models.data.sources.parquet import ParquetSource
from epitaxy_models.data.sources.records import ColumnNames
from epitaxy_models.data.sources.sd_file import SdFileSource
from epitaxy_models.data.sources.structure_folder import TARGET_LISTS, StructureFolderSource
from epitaxy_models.errors import ConfigurationError

_PICKLE_ENDINGS = frozenset({".pkl", ".pickle", ".p"})
_PICKLE_START = b"\x80"  # protocol 2 and later, followed by the protocol's number
_READS = (
    "Parquet, JSON Lines (.jsonl), CSV with a column of materials, data frame JSON (.json), ASE database (.db), "
    "extended XYZ (.extxyz, .xyz), SD file (.sdf, .mol), SMILES (.smi), formulas (.formulas), or a folder with "
    "id_prop.csv or targets.csv"
)


def open_source(path: Path, names: ColumnNames | None = None) -> Source:
    """Reads the columns of a data set by the ending of its name.

    Raises ConfigurationError (PICKLE, UNKNOWN_FORMAT, and what the reader raises).
    """
    names = names or ColumnNames()
    if not path.exists():
        raise ConfigurationError(f"there is no {path}", reason="NO_SUCH_FILE")
    if path.is_dir():
        return StructureFolderSource(path)
    _refuse_pickle(path)
    if path.name in TARGET_LISTS and not _has_structures(path):
        return StructureFolderSource(path.parent)
    ending = Path(unpacked_name(path)).suffix.lower()
    reader = _READERS.get(ending)
    if ending == ".json" and _is_ase_json(path):
        reader = _ase_database
    if reader is not None:
        return reader(path, names)
    raise ConfigurationError(f"{path.name} has no ending that is read here: give {_READS}", reason="UNKNOWN_FORMAT")


def _ase_database(path: Path, names: ColumnNames) -> Source:
    return AseDatabaseSource(path, names.id)


def _extended_xyz(path: Path, names: ColumnNames) -> Source:
    return ExtendedXyzSource(path, names.id)


_READERS: Mapping[str, Callable[[Path, ColumnNames], Source]] = {
    ".parquet": ParquetSource,
    ".pq": ParquetSource,
    ".jsonl": JsonLinesSource,
    ".ndjson": JsonLinesSource,
    ".csv": CsvSource,
    ".json": DataFrameSource,
    ".db": _ase_database,
    ".extxyz": _extended_xyz,
    ".xyz": _extended_xyz,
    ".sdf": SdFileSource,
    ".sd": SdFileSource,
    ".mol": SdFileSource,
    ".smi": SmilesListSource,
    ".smiles": SmilesListSource,
    ".formulas": FormulaListSource,
}


def _refuse_pickle(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(2)
    is_pickle = len(start) == 2 and start[:1] == _PICKLE_START and start[1] <= 5
    if is_pickle or set(path.suffixes) & _PICKLE_ENDINGS:
        raise ConfigurationError(
            f"{path.name} is a pickle, which can run any code when it is opened: where you trust it, export the frame "
            'with DataFrame.to_json(orient="split") and convert that',
            reason="PICKLE",
        )


def _has_structures(path: Path) -> bool:
    with open_text(path) as file:
        return "structure" in file.readline().lower()


def _is_ase_json(path: Path) -> bool:
    """ASE's JSON database names its next free row at the top level; a data frame names columns."""
    if path.suffix.lower() in PACKED_ENDINGS:
        return False
    with path.open("rb") as file:
        start = file.read(64)
        file.seek(0)
        if not start.lstrip().startswith(b'{"1"'):
            return False
        try:
            return "nextid" in json.load(file)
        except ValueError:
            return False
