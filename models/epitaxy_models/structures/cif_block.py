"""Data blocks of a CIF, split by gemmi or, where gemmi refuses the text, by pymatgen's lenient parser."""

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import gemmi

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cif_tags import TagLayout
from epitaxy_models.structures.intake import IntakeLimits, RefusalReason, Repair, RepairCode

# The lenient parser's patterns are quadratic in the length of a line of quotes.
_MAX_LENIENT_LINE_LENGTH = 600
# gemmi compares every block's name with every other's: 200,000 blocks take 14 s.
_MAX_BLOCKS = 10_000
_GEMMI_PLACE = re.compile(r"^string(?::(\d+))?[^ ]*\s*")
_QUOTES = frozenset({"'", '"', ";"})
_UNKNOWN = frozenset({"?", ".", ""})


class CifBlock(Protocol):
    """Values of one data block by plain tag (see ``plain_tag``), quotes removed."""

    @property
    def name(self) -> str:
        """What follows ``data_``."""

    @property
    def layout(self) -> TagLayout:
        """All tags of the block."""

    @property
    def tags(self) -> Mapping[str, Sequence[str]]:
        """All tags as the file spells them, by their plain form."""

    def column(self, *tags: str) -> list[str]:
        """Values of the first of the plain tags that has any (one for a tag outside of a loop), empty for none."""

    def raw_values(self, spelled: str) -> list[str]:
        """Values of one tag as the file spells it, quotes not removed (see ``unquoted``)."""


def unquoted(raw: str) -> str:
    """A value without its quotes or the semicolons of a text field."""
    return gemmi.cif.as_string(raw).strip() if raw[:1] in _QUOTES else raw


def value_of(block: CifBlock, *tags: str) -> str | None:
    """The single value of the first plain tag present, None if it is absent or unknown (``?`` or ``.``)."""
    values = block.column(*tags)
    return values[0] if values and values[0] not in _UNKNOWN else None


def split_blocks(text: str, limits: IntakeLimits) -> tuple[Sequence[CifBlock], tuple[Repair, ...]]:
    """The data blocks of a CIF text, and the report of the fallback where it was needed.

    Raises InvalidStructureError (TRUNCATED_FILE, UNREADABLE).
    """
    if _n_headers(text) > _MAX_BLOCKS:
        raise InvalidStructureError(
            f"the CIF has over {_MAX_BLOCKS} data blocks: send one structure a text", reason=RefusalReason.TOO_LARGE
        )
    try:
        return [GemmiBlock(block) for block in gemmi.cif.read_string(text)], ()
    except Exception as error:  # gemmi raises ValueError, RuntimeError and others, none documented
        problem = _describe(str(error))
    if _is_truncation(problem, text):
        raise InvalidStructureError(
            f"the CIF breaks off ({problem}): send the complete file", reason=RefusalReason.TRUNCATED_FILE
        )
    blocks = _split_leniently(text) if len(text) <= limits.max_fallback_bytes else None
    if not blocks:
        raise InvalidStructureError(
            f"this is no readable CIF ({problem}): correct the syntax", reason=RefusalReason.UNREADABLE
        )
    return blocks, (
        Repair(RepairCode.USED_FALLBACK_READER, f"the syntax has an error ({problem}); read by the lenient parser"),
    )


class GemmiBlock:
    """A block split by gemmi."""

    __slots__ = ("_block", "_items", "layout", "name", "tags")

    def __init__(self, block: Any) -> None:
        self._block = block
        self.name: str = block.name
        self._items: list[str | _Loop] = []
        names: list[str] = []
        widths = []
        for item in block:
            if (pair := item.pair) is not None:
                names.append(pair[0])
                widths.append(0)
                self._items.append(pair[1])
            elif (loop := item.loop) is not None:
                names += (tags := loop.tags)
                widths.append(len(tags))
                self._items.append(_Loop(loop, len(tags)))
        self.layout = TagLayout.of(names, widths)
        self.tags = self.layout.spellings

    def column(self, *tags: str) -> list[str]:
        """Values of the first of the plain tags that has any, empty for none."""
        for tag in tags:
            for spelled in self.tags.get(tag, ()):
                place, column = self.layout.places[spelled]
                item = self._items[place]
                if isinstance(item, str):
                    return [unquoted(item)]
                if values := item.unquoted_column(column):
                    return values
        return []

    def raw_values(self, spelled: str) -> list[str]:
        """Values of one tag as the file spells it, quotes not removed."""
        place, column = self.layout.places[spelled]
        item = self._items[place]
        return [item] if isinstance(item, str) else item.column(column)


class _Loop:
    """A loop of gemmi's, its values taken over at once when the first column is asked for."""

    __slots__ = ("_has_quotes", "_loop", "_values", "_width")

    def __init__(self, loop: Any, width: int) -> None:
        self._loop, self._width = loop, width
        self._values: list[str] | None = None
        self._has_quotes = False

    def column(self, place: int) -> list[str]:
        """Values of the column at a place, quotes not removed."""
        if self._values is None:
            self._values = self._loop.values
            # Looked for in all values at once: those of atom sites rarely have any.
            joined = "".join(self._values)
            self._has_quotes = any(quote in joined for quote in _QUOTES)
        return self._values[place :: self._width]

    def unquoted_column(self, place: int) -> list[str]:
        """Values of the column at a place, quotes removed."""
        values = self.column(place)
        return list(map(unquoted, values)) if self._has_quotes else values


class LenientBlock:
    """A block split by pymatgen: lists for tags in loops, strings for others."""

    __slots__ = ("_values", "layout", "name", "tags")

    def __init__(self, name: str, values: dict[str, str | list[str]]) -> None:
        self._values = values
        self.name = name
        self.layout = TagLayout.of(list(values))
        self.tags = self.layout.spellings

    def column(self, *tags: str) -> list[str]:
        """Values of the first of the plain tags that has any, empty for none."""
        for tag in tags:
            for spelled in self.tags.get(tag, ()):
                if values := self.raw_values(spelled):
                    return list(map(unquoted, values))
        return []

    def raw_values(self, spelled: str) -> list[str]:
        """Values of one tag as the file spells it."""
        found = self._values[spelled]
        return [found] if isinstance(found, str) else found


def _n_headers(text: str) -> int:
    if len(text) < _MAX_BLOCKS * len("data_"):
        return 0
    lower = text.lower()
    return lower.count("data_") + lower.count("save_")


def _split_leniently(text: str) -> list[LenientBlock] | None:
    from pymatgen.io.cif import CifFile  # noqa: PLC0415 - takes a second to import, for odd files only

    # Blank lines make its patterns quadratic; they mean nothing in a CIF.
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if max(map(len, lines), default=0) > _MAX_LENIENT_LINE_LENGTH:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            blocks = CifFile.from_str("\n".join(lines)).data
    except Exception:  # a lenient parser on arbitrary text: anything, none of it ours to tell apart
        return None
    return [LenientBlock(name, block.data) for name, block in blocks.items()]


def _describe(error: str) -> str:
    """Gemmi's message with its place in words: ``string:2:5(12): parse error`` -> ``line 2: parse error``."""
    place = _GEMMI_PLACE.match(error)
    if place is None:
        return error[:120]
    rest = error[place.end() :].removeprefix("in ")[:120]
    return f"line {place[1]}: {rest}" if place[1] else rest


def _is_truncation(problem: str, text: str) -> bool:
    if "Wrong number of values" in problem or "unterminated text field" in problem:
        return True
    at_end = problem.startswith(f"line {len(text.rstrip().splitlines())}:")
    return at_end and ("unterminated" in problem or "has no value" in problem)
