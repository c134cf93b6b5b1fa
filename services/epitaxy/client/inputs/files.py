"""Which files hold structures, and how they are read."""

from collections.abc import Iterator
from pathlib import Path

from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.item import Source
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.rows import count_rows, row_opener_of
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.inputs.structure_files import read_text_file, refuse_file, text_kind_of
from epitaxy.client.inputs.tables import read_table
from epitaxy.tables.texts import kind_of_binary


def holds_structures(name: str) -> bool:
    """Whether a file holds structures, by its name."""
    return text_kind_of(name) is not None or row_opener_of(name) is not None


def read_file(file: StoredFile, file_id: str, columns: Columns, log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The structures of one file, those of tables from these columns.

    What cannot be read becomes a refusal, never an exception.
    """
    if row_opener_of(file.name) is None:
        yield from read_text_file(file, file_id, log)
        return
    try:
        yield from read_table(file, file_id, columns, log)
    except (OSError, EOFError, ValueError) as error:  # pyarrow's errors are the first or the last
        yield file_id, refuse_file(file, error)


def count_file(file: StoredFile, columns: Columns) -> int:
    """Structures that ``read_file`` will yield, as far as can be said cheaply."""
    try:
        if row_opener_of(file.name) is not None:
            return count_rows(file, columns.structure)
        kind = text_kind_of(file.name)
        return kind.count(file) if kind is not None else 1
    except (OSError, EOFError, ValueError):
        return 1


def why_ignored(path: Path) -> str:
    """Why a file of a folder is not read, from its name and its first bytes."""
    if path.name.startswith("._") or path.name == ".DS_Store":
        return "a file of the operating system"
    try:
        with path.open("rb") as file:
            what = kind_of_binary(file.read(16))
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    if "compressed" in what:
        return f"{what}, and its name does not end like {'.cif' + path.suffix}"
    return what or f"no ending of a structure file ({path.suffix or 'none'})"
