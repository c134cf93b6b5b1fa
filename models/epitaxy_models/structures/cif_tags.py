"""Names of CIF tags, whatever the dictionary: ``_cell.length_a`` (DDL2, DDLm) is ``_cell_length_a`` (DDL1)."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

_SEPARATORS = re.compile(r"[._\-]+")
# Longer than any tag of the dictionaries, and more tags than ordinary files have; keeps the caches small.
_MAX_TAG_LENGTH = 96
_MAX_TAGS = 300


def plain_tag(tag: str) -> str:
    """The tag in lower case, with single underscores for dots and hyphens: ``_space_group_name_h_m_alt``."""
    return _SEPARATORS.sub("_", tag.lower()).rstrip("_") if len(tag) <= _MAX_TAG_LENGTH else tag


class TagLayout:
    """The tags of a block as they are spelled, by their plain form.

    Programs write the same tags into all of their files: equal tags give the same object, so that what follows from
    them alone is found out once.
    """

    __slots__ = ("spellings",)

    def __init__(self, tags: Sequence[str]) -> None:
        found: dict[str, list[str]] = {}
        for tag in tags:
            found.setdefault(plain_tag(tag), []).append(tag)
        self.spellings: Mapping[str, Sequence[str]] = found

    @classmethod
    def of(cls, tags: Sequence[str]) -> "TagLayout":
        """The layout of tags, remembered unless they are very many or very long."""
        if len(tags) <= _MAX_TAGS and max(map(len, tags), default=0) <= _MAX_TAG_LENGTH:
            return _remembered(tuple(tags))
        return cls(tags)


@lru_cache(maxsize=512)
def _remembered(tags: tuple[str, ...]) -> TagLayout:
    return TagLayout(tags)
