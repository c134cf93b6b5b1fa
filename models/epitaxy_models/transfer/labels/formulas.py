"""What a formula alone says of a crystal."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_ELEMENT = re.compile(r"([A-Z][a-z]?)([0-9.]*)")


def atoms_in(formula: str) -> float:
    """Atoms of one formula unit; 1 for a text that is no formula."""
    return sum(_counts(formula).values()) or 1.0


def compositions(formulas: Sequence[str]) -> NDArray[np.float64]:
    """Share of each element that occurs, ``[n_formulas, n_elements]``."""
    parts = [_counts(formula) for formula in formulas]
    elements = sorted({element for part in parts for element in part})
    place = {element: column for column, element in enumerate(elements)}
    table = np.zeros((len(formulas), len(elements)))
    for row, part in enumerate(parts):
        for element, count in part.items():
            table[row, place[element]] = count / sum(part.values())
    return table


def _counts(formula: str) -> Mapping[str, float]:
    """Atoms by element; none for a text that is no formula."""
    found: dict[str, float] = {}
    for element, count in _ELEMENT.findall(formula):
        found[element] = found.get(element, 0.0) + (float(count) if count.strip(".") else 1.0)
    return found
