"""Numbers as text formats write them, and Cartesian coordinates as fractions."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.checks import check_coordinates
from epitaxy_models.structures.intake import RefusalReason

_MAX_SHOWN = 40


def floats(texts: Iterable[str], where: str) -> list[float]:
    """The numbers; Fortran's ``1.0d0`` is one. Raises InvalidStructureError (UNREADABLE) naming ``where``."""
    return [_float(text, where) for text in texts]


def fractions_of(cart_coords: NDArray[np.float64], lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fractional coordinates of Cartesian ones (Angstrom), shape ``[n_sites, 3]``, for a cell already checked.

    Raises InvalidStructureError (NON_FINITE) before arithmetic could overflow.
    """
    check_coordinates(cart_coords)
    return np.asarray(np.linalg.solve(lattice.T, cart_coords.T).T)


def count(text: str, where: str) -> int:
    """The non-negative integer. Raises InvalidStructureError (UNREADABLE) naming ``where``."""
    if not text.isdecimal() or len(text) > 9:
        raise InvalidStructureError(
            f"{where} is {text[:_MAX_SHOWN]!r}: give a whole number", reason=RefusalReason.UNREADABLE
        )
    return int(text)


def _float(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return float(text.lower().replace("d", "e"))
    except ValueError:
        raise InvalidStructureError(
            f"{where} holds {text[:_MAX_SHOWN]!r}: give a number", reason=RefusalReason.UNREADABLE
        ) from None
