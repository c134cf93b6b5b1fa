"""Names of CIF tags, whatever the dictionary: ``_cell.length_a`` (DDL2, DDLm) is ``_cell_length_a`` (DDL1)."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

_SEPARATORS = re.compile(r"[._\-]+")
# Longer than any tag of the dictionaries, and more tags than ordinary files have; keeps the caches small.
_MAX_TAG_LENGTH = 96
_MAX_TAGS = 300


def plain_tag(tag: str) -> str:
    """The tag in lower case, with single underscores for dots and hyphens: ``_space_group_name_h_m_alt``."""
    return _SEPARATORS.sub("_", tag.lower()).rstrip("_") if len(tag) <= _MAX_TAG_LENGTH else tag


class Place(NamedTuple):
    """An item of a block, and a column of it if it is a loop."""

    item: int
    column: int = 0


class TagLayout:
    """The tags of a block as they are spelled, by their plain form, and where each has its value.

    Programs write the same tags into all of their files: equal tags give the same object, so that what follows from
    them alone is found out once.
    """

    __slots__ = ("places", "spellings")

    def __init__(self, tags: Sequence[str], widths: Sequence[int] = ()) -> None:
        found: dict[str, list[str]] = {}
        for tag in tags:
            found.setdefault(plain_tag(tag), []).append(tag)
        self.spellings: Mapping[str, Sequence[str]] = found
        self.places: Mapping[str, Place] = _places_of(tags, widths)

    @classmethod
    def of(cls, tags: Sequence[str], widths: Sequence[int] = ()) -> "TagLayout":
        """The layout of tags, remembered unless they are very many or very long.

        ``widths`` are, for each item of the block in turn, the number of tags of a loop, or 0 for a tag on its own.
        """
        if len(tags) <= _MAX_TAGS and max(map(len, tags), default=0) <= _MAX_TAG_LENGTH:
            return _remembered(tuple(tags), tuple(widths))
        return cls(tags, widths)


@lru_cache(maxsize=512)
def _remembered(tags: tuple[str, ...], widths: tuple[int, ...]) -> TagLayout:
    return TagLayout(tags, widths)


def _places_of(tags: Sequence[str], widths: Sequence[int]) -> dict[str, Place]:
    """Where each tag has its value. One that is given twice has its first place, on its own rather than in a loop."""
    alone: dict[str, Place] = {}
    in_loops: dict[str, Place] = {}
    begin = 0
    for item, width in enumerate(widths):
        for column in range(max(width, 1)):
            tag = tags[begin + column]
            if width:
                in_loops.setdefault(tag, Place(item, column))
            else:
                alone.setdefault(tag, Place(item))
        begin += max(width, 1)
    return in_loops | alone
