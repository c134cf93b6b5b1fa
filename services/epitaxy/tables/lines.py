"""Lines of a text that nobody vouches for."""

from collections.abc import Iterator
from typing import TextIO

MAX_LINE_CHARACTERS = 64 << 20
"""A longer line holds no row of structures; a few kilobytes of gzip may unpack to one of gigabytes."""


def bounded_lines(text: TextIO, limit: int = MAX_LINE_CHARACTERS) -> Iterator[str]:
    """The lines with their ends. Raises ValueError for one that is longer than the limit."""
    for number, line in enumerate(iter(lambda: text.readline(limit + 1), ""), start=1):
        if len(line) > limit:
            raise ValueError(f"line {number} is longer than {limit} characters")
        yield line
