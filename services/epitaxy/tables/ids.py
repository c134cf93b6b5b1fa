"""Ids of rows: which column holds them, and how a value reads as an id."""

from collections.abc import Mapping, Sequence
from typing import Any

from epitaxy.tables.numbers import is_missing

ID_NAMES = ("id", "material_id", "mp_id", "mpid", "mbid", "structure_id", "jid")
"""Columns that hold ids unless another one is named; the first that is there counts, in any case."""
INDEX_NAMES = ("__index_level_0__", "", "Unnamed: 0")
"""Names that the unnamed index of a data frame gets in Parquet and CSV."""
_LOWER_NAMES = frozenset(ID_NAMES)


def id_column_of(names: Sequence[str], index: Sequence[str] = ()) -> str | None:
    """The column that holds the ids of a table, None if there is none.

    Args:
        names: Names of all columns.
        index: Names of the columns that were a data frame's index.
    """
    lowered: dict[str, str] = {}
    for name in names:
        lowered.setdefault(name.lower(), name)
    known = (name if name in names else lowered.get(name) for name in ID_NAMES)
    found = next((name for name in known if name is not None), None)
    if found is None and len(index) == 1:
        return index[0]
    return found if found is not None else next((name for name in INDEX_NAMES if name in names), None)


def own_id(row: object, column: str | None = None) -> str | None:
    """The id that a row or an object carries, None if there is none.

    Args:
        row: Columns and cells; anything else has no id.
        column: Column of the ids; None for one of ``ID_NAMES``.
    """
    if type(row) is not dict and not isinstance(row, Mapping):
        return None
    if column is not None:
        return id_text(row.get(column))
    found = next((text for name in ID_NAMES if (text := id_text(row.get(name))) is not None), None)
    if found is not None:
        return found
    others = (name for name in row if isinstance(name, str) and name.lower() in _LOWER_NAMES)
    return next((text for name in others if (text := id_text(row[name])) is not None), None)


def id_text(value: Any) -> str | None:
    """A cell as an id, None for an empty one. The word "none" or "NA" may be an id."""
    if type(value) is str and value and value.isascii():
        return value if not value.isspace() else None
    if value is None or (not isinstance(value, str | bytes | int) and is_missing(value)):
        return None
    if isinstance(value, bytes):
        value = _decoded(value)
    elif isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of integers with a gap becomes one of floats in pandas
    text = clean_id(value)
    return text if text.strip() else None


def clean_id(value: object) -> str:
    """An id that UTF-8 can carry: file names and JSON can hold lone surrogates."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _decoded(value: bytes) -> str:
    """Text, or hex digits for bytes that are no text."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()
