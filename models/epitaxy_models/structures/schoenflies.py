"""Space groups by Schoenflies: the International Tables number the groups of each crystal class in this order."""

import re

# Number of the first group of a class, and how many there are. International Tables A (2016), table 2.1.2.1.
_CLASSES = {
    "c1": (1, 1), "ci": (2, 1), "c2": (3, 3), "cs": (6, 4), "c2h": (10, 6), "d2": (16, 9), "c2v": (25, 22),
    "d2h": (47, 28), "c4": (75, 6), "s4": (81, 2), "c4h": (83, 6), "d4": (89, 10), "c4v": (99, 12), "d2d": (111, 12),
    "d4h": (123, 20), "c3": (143, 4), "c3i": (147, 2), "d3": (149, 7), "c3v": (156, 6), "d3d": (162, 6), "c6": (168, 6),
    "c3h": (174, 1), "c6h": (175, 2), "d6": (177, 6), "c6v": (183, 4), "d3h": (187, 4), "d6h": (191, 4), "t": (195, 5),
    "th": (200, 7), "o": (207, 8), "td": (215, 6), "oh": (221, 10),
}  # fmt: skip
_OTHER_NAMES = {"s2": "ci", "s6": "c3i", "c1h": "cs", "v": "d2", "vh": "d2h", "vd": "d2d"}
# "Oh.5" of the core dictionary, "O_h^5", "Oh^5^", "Oh-5", "D(4h)17".
_SYMBOL = re.compile(r"([cdsotv])[_({]*([1-6]?[hivds]?)[)}]*\s*[\^.,\-_ ({]+\s*(\d{1,2})[\^)}]*")


def number_of_schoenflies(symbol: str) -> int | None:
    """The number of the group that a symbol names, None for an unknown one."""
    match = _SYMBOL.fullmatch(symbol.strip().lower())
    if match is None:
        return None
    name = match[1] + match[2]
    first, count = _CLASSES.get(_OTHER_NAMES.get(name, name), (0, 0))
    index = int(match[3])
    return first + index - 1 if 1 <= index <= count else None
