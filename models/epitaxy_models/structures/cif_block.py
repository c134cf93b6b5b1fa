"""Data blocks of a CIF, split by gemmi or, where gemmi refuses the text, by pymatgen's lenient parser."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gemmi

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.intake import IntakeLimits, RefusalReason, Repair, RepairCode

# The lenient parser's patterns are quadratic in the length of a line of quotes.
_MAX_LENIENT_LINE_LENGTH = 600
# gemmi compares every block's name with every other's: 200,000 blocks take 14 s.
_MAX_BLOCKS = 10_000
_GEMMI_PLACE = re.compile(r"^string(?::(\d+))?[^ ]*\s*")
_UNKNOWN = frozenset({"?", ".", ""})


class CifBlock(Protocol):
    """Values of one data block by tag, quotes removed; tags in lower case."""

    def column(self, *tags: str) -> list[str]:
        """Values of the first of the tags that is present (one for a tag outside of a loop), empty for none."""

    def has_tag(self, *tags: str) -> bool:
        """Whether one of the tags is present, with values or without."""


def value_of(block: CifBlock, *tags: str) -> str | None:
    """The single value of the first tag present, None where it is absent or unknown (``?`` or ``.``)."""
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


@dataclass(frozen=True, slots=True)
class GemmiBlock:
    """A block split by gemmi."""

    block: Any

    def column(self, *tags: str) -> list[str]:
        """Values of the first of the tags that is present, empty for none."""
        for tag in tags:
            values = list(self.block.find_values(tag))
            if values:
                return [gemmi.cif.as_string(raw).strip() if raw[:1] in {"'", '"', ";"} else raw for raw in values]
        return []

    def has_tag(self, *tags: str) -> bool:
        """Whether one of the tags is present, with values or without."""
        return any(bool(self.block.find_loop(tag)) or self.block.find_value(tag) is not None for tag in tags)


@dataclass(frozen=True, slots=True)
class LenientBlock:
    """A block split by pymatgen: lists for tags in loops, strings for others."""

    values: dict[str, str | list[str]]

    def column(self, *tags: str) -> list[str]:
        """Values of the first of the tags that is present, empty for none."""
        for tag in tags:
            found = self.values.get(tag)
            if found:
                return [found] if isinstance(found, str) else found
        return []

    def has_tag(self, *tags: str) -> bool:
        """Whether one of the tags is present, with values or without."""
        return any(tag in self.values for tag in tags)


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
            blocks = CifFile.from_str("\n".join(lines)).data.values()
    except Exception:  # a lenient parser on arbitrary text: anything, none of it ours to tell apart
        return None
    return [LenientBlock({tag.lower(): values for tag, values in block.data.items()}) for block in blocks]


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
