"""CIF text before it is sent: several data blocks are several structures, embedded reflections are none.

The text is cut at its own lines and not read; the server reads it.
"""

import re
from collections import Counter
from collections.abc import Iterator

# Blanks of one line alone: patterns that run over blank lines are quadratic in their number.
_BLOCK = re.compile(r"^[ \t]*data_(\S*)", re.IGNORECASE | re.MULTILINE)
_ATOMS = re.compile(r"^[ \t]*(?:loop_[ \t]+)?_atom_site[._]fract_x\b", re.IGNORECASE | re.MULTILINE)
# No text field or foreign loop under this many characters matters for a limit of megabytes.
_LONG = 10_000
_START = re.compile(r"\s*(_\S+|loop_|data_|save_|global_|stop_)", re.IGNORECASE)
_STRUCTURAL_TAG = re.compile(r"^_(?:atom_|cell|space_?group|symmetry|.*sym_?op)", re.IGNORECASE)
# Longer texts are not even looked through.
MAX_CIF_BYTES = 64 << 20


def structures_of(text: str) -> list[tuple[str, str]]:
    """Name and text of each data block with atoms; the first one's text holds the blocks without atoms, too.

    One structure has an empty name, and the whole text.
    """
    # Counting is ten times as fast as the pattern, and nearly every file has one block.
    if text.lower().count("data_") < 2 or len(_BLOCK.findall(text)) < 2:
        return [("", text)]
    blocks = list(_blocks(text))
    with_atoms = [(name, block) for name, block in blocks if _ATOMS.search(block)]
    if len(with_atoms) < 2:
        return [("", text)]
    without = "".join(block for _, block in blocks if not _ATOMS.search(block))
    (first_name, first), *others = with_atoms
    return _numbered([(first_name, first + without), *others])


def structure_part(text: str) -> str:
    """The part of a CIF that describes its structure; items stay in their order."""
    kept: list[str] = []
    for is_structure, lines in _items(text.splitlines()):
        if is_structure or sum(map(len, lines)) <= _LONG:
            kept += lines
    return "\n".join([*kept, ""])


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of each data block; what precedes the first one belongs to none."""
    lines: list[str] = []
    name, is_text = "", False
    for line in text.splitlines(keepends=True):
        head = None if is_text or line.startswith(";") else _BLOCK.match(line)
        if line.startswith(";"):
            is_text = not is_text
        if head is not None:
            if lines:
                yield name, "".join(lines)
            name, lines = head[1], []
        lines.append(line)
    yield name, "".join(lines)


def _numbered(blocks: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The blocks, a number behind a name that has been before."""
    seen: Counter[str] = Counter()
    numbered = []
    for number, (name, block) in enumerate(blocks, start=1):
        plain = name or str(number)
        seen[plain] += 1
        numbered.append((plain if seen[plain] == 1 else f"{plain}#{seen[plain]}", block))
    return numbered


def _items(lines: list[str]) -> Iterator[tuple[bool, list[str]]]:
    """Whether it is structure, and the lines: a tag with its value, a loop, or a block's head."""
    current: list[str] = []
    is_structure, is_text, is_header = True, False, False
    for line in lines:
        if line.startswith(";"):
            is_text = not is_text
        start = None if is_text or line.startswith(";") else _START.match(line)
        if start is None:
            is_header = is_header and not line.strip()
        elif is_header and start[1].startswith("_"):
            is_structure = is_structure or bool(_STRUCTURAL_TAG.match(start[1]))
        else:
            yield is_structure, current
            current = []
            is_header = start[1].lower() == "loop_"
            tags = line.split()[1:] if is_header else [start[1]] if start[1].startswith("_") else []
            is_structure = not (is_header or tags) or any(map(_STRUCTURAL_TAG.match, tags))
        current.append(line)
    yield is_structure, current
