"""What CIFs carry along that is no structure: reflections, refinement instructions, powder profiles.

SHELXL embeds megabytes of them in every CIF. Limits count the structure alone, so that long text fields and long loops
of other things are taken out before a text is refused for its length.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# No text field or foreign loop under this many characters matters for a limit of megabytes.
_LONG = 10_000
_START = re.compile(r"\s*(_\S+|loop_|data_|save_|global_|stop_)", re.IGNORECASE)
_STRUCTURAL_TAG = re.compile(r"^_(?:atom_|cell|space_?group|symmetry|.*sym_?op)", re.IGNORECASE)
# Longer texts are not even looked through.
MAX_CIF_CHARACTERS = 64 << 20


class StructurePart(NamedTuple):
    """The text without long items that are no structure, and the tags of those that were taken out."""

    text: str
    removed: tuple[str, ...]


class _Item(NamedTuple):
    tag: str
    is_structure: bool
    lines: list[str]


def structure_part(text: str) -> StructurePart:
    """The part of a CIF that describes its structure; items stay in their order."""
    kept: list[str] = []
    removed: list[str] = []
    for item in _items(text.splitlines()):
        if item.is_structure or sum(map(len, item.lines)) <= _LONG:
            kept += item.lines
        else:
            removed.append(item.tag)
    return StructurePart("\n".join([*kept, ""]), tuple(removed))


def _items(lines: list[str]) -> Iterator[_Item]:
    """The items of all blocks: a tag with its value, a loop, or a block's head; the first holds what precedes them."""
    current: list[str] = []
    is_structure, tag = True, ""
    is_text = is_header = False
    for line in lines:
        if line.startswith(";"):
            is_text = not is_text
        start = None if is_text or line.startswith(";") else _START.match(line)
        if start is None:
            is_header = is_header and not line.strip()
        elif is_header and start[1].startswith("_"):
            is_structure = is_structure or bool(_STRUCTURAL_TAG.match(start[1]))
            tag = tag or start[1]
        else:
            yield _Item(tag, is_structure, current)
            current, tag = [], start[1] if start[1].startswith("_") else ""
            is_header = start[1].lower() == "loop_"
            rest = line.split()[1:] if is_header else []
            tag = next((word for word in rest if word.startswith("_")), tag)
            is_structure = not is_header and (not tag or bool(_STRUCTURAL_TAG.match(tag)))
            is_structure = is_structure or any(_STRUCTURAL_TAG.match(word) for word in rest)
        current.append(line)
    yield _Item(tag, is_structure, current)
