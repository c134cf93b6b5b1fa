"""The data blocks of a CIF, told apart without reading what they hold."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES

_BLOCK = re.compile(r"[ \t]*data_(\S*)", re.IGNORECASE)
_BLOCKS = re.compile(r"^[ \t]*data_", re.IGNORECASE | re.MULTILINE)
_ATOMS = re.compile(r"(?:^|\s)_atom_site[._](?!aniso)", re.IGNORECASE)
# A text field of this length holds reflections or instructions, and no part of a structure.
_LONG_FIELD_BYTES = 1 << 16
_DATA_TAGS = ("_refln", "_diffrn_refln", "_pd_meas", "_pd_calc", "_pd_proc")
_LOOP_ENDS = ("_", "loop_", "data_", "save_")


@dataclass(slots=True)
class CifBlock:
    """One data block.

    Attributes:
        name: What follows ``data_``.
        lines: Its lines, up to the bound of one structure.
        has_atoms: Whether it has a tag of atomic sites.
        n_left_out: Characters of reflections that were left out.
        n_characters: Characters that were kept, or would have been without the bound.
    """

    name: str
    lines: list[str] = field(default_factory=list)
    n_characters: int = 0
    has_atoms: bool = False
    n_left_out: int = 0

    @property
    def is_too_large(self) -> bool:
        """Whether it exceeds the bound of one structure."""
        return self.n_characters > MAX_STRUCTURE_BYTES

    @property
    def text(self) -> str:
        """The block."""
        return "".join(self.lines)

    def add(self, line: str) -> None:
        """Takes a line."""
        self.n_characters += len(line)
        if not self.is_too_large:
            self.lines.append(line)


def has_several_blocks(text: str) -> bool:
    """Whether ``data_`` begins more than one line; some of those may be in text fields."""
    # Counting is ten times as fast as the pattern, and nearly every file has one block.
    return text.lower().count("data_") > 1 and len(_BLOCKS.findall(text)) > 1


def split_blocks(lines: Iterable[str], *, without_reflections: bool = False) -> Iterator[CifBlock]:
    """The data blocks of a CIF.

    Args:
        lines: Its lines, with their ends.
        without_reflections: True to leave out long text fields and loops of reflections, as SHELXL embeds them.
    """
    block, splitter = CifBlock(""), _Splitter(without_reflections)
    for line in lines:
        match = None if splitter.is_in_text(line) else _BLOCK.match(line)
        if match is not None:
            splitter.end_loop(block)
            if block.name or block.has_atoms or _has_data(block):
                yield block
            block = CifBlock(match[1])
        splitter.add(line, block)
    splitter.close(block)
    yield block


class _Splitter:
    """Knows what a line is part of: a text field, a loop of reflections, or neither."""

    def __init__(self, without_reflections: bool) -> None:
        self._leaves_out = without_reflections
        self._field: list[str] | None = None
        self._n_field = 0
        self._header: list[str] | None = None
        self._is_skipping = False

    def is_in_text(self, line: str) -> bool:
        """Whether a line belongs to a text field, its first and last line included."""
        return self._field is not None or line.startswith(";")

    def add(self, line: str, block: CifBlock) -> None:
        """Adds a line to its block, unless it is to be left out."""
        if self.is_in_text(line):
            self.end_loop(block)
            self._add_to_field(line, block)
        elif self._leaves_out:
            self._add_to_loop(line, block)
        else:
            self._keep(line, block)

    def end_loop(self, block: CifBlock) -> None:
        """Keeps the header of a loop that is no loop of reflections, or goes on leaving out its rows."""
        header, self._header = self._header, None
        tags = [line.split()[0].lower() for line in header[1:] if line.strip()] if header else []
        self._is_skipping |= bool(tags) and all(tag.startswith(_DATA_TAGS) for tag in tags)
        for line in header or ():
            self._keep_or_skip(line, block)

    def close(self, block: CifBlock) -> None:
        """Keeps what is open at the end of the file."""
        self.end_loop(block)
        for line in self._field or ():
            self._keep_or_skip(line, block)

    def _add_to_field(self, line: str, block: CifBlock) -> None:
        is_last = self._field is not None and line.startswith(";")
        self._field = self._field if self._field is not None else []
        self._n_field += len(line)
        if not self._leaves_out or self._n_field <= _LONG_FIELD_BYTES:
            self._field.append(line)
        if not is_last:
            return
        is_long = self._leaves_out and self._n_field > _LONG_FIELD_BYTES
        block.n_left_out += self._n_field if is_long else 0
        # What follows the closing mark on its line is a part of the file again.
        for kept in ["?\n", line[1:]] if is_long else self._field:
            self._keep_or_skip(kept, block)
        self._field, self._n_field = None, 0

    def _add_to_loop(self, line: str, block: CifBlock) -> None:
        stripped = line.strip().lower()
        if stripped == "loop_":
            self.end_loop(block)
            self._header, self._is_skipping = [line], False
        elif self._header is not None and (stripped.startswith("_") or not stripped):
            self._header.append(line)
        else:
            self.end_loop(block)
            self._is_skipping = self._is_skipping and not stripped.startswith(_LOOP_ENDS)
            self._keep_or_skip(line, block)

    def _keep_or_skip(self, line: str, block: CifBlock) -> None:
        if self._is_skipping:
            block.n_left_out += len(line)
        else:
            self._keep(line, block)

    def _keep(self, line: str, block: CifBlock) -> None:
        block.add(line)
        block.has_atoms = block.has_atoms or _ATOMS.search(line) is not None


def _has_data(block: CifBlock) -> bool:
    """Whether anything but comments stands before the first block's name."""
    return any(line.strip() and not line.lstrip().startswith("#") for line in block.lines)
