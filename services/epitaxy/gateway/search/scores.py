"""What a search is told of candidates: cheap scores of all of them, and answers to those that were evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy.gateway.search.goal import Quantity


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """A student's opinion of candidates that arrive together; arrays of shape ``[n]`` in the property's unit.

    Attributes:
        values: Expected answer of the ensemble, by quantity; NaN: the student cannot tell, so the ensemble must.
        scales: Expected size of the student's error, by quantity, positive.
    """

    values: Mapping[Quantity, NDArray[np.float32]]
    scales: Mapping[Quantity, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """Answers of the ensemble, in the order of the indices that they belong to; arrays of shape ``[n]``.

    Attributes:
        values: By quantity; NaN: the candidate was refused or lost, and counts for nothing.
        are_in_domain: Whether the verdict is in domain; None: nobody asked.
        formulas: Reduced formulas or any other keys of them; None: nobody asked.
    """

    values: Mapping[Quantity, NDArray[np.float64]]
    are_in_domain: NDArray[np.bool_] | None = None
    formulas: tuple[str, ...] | None = None
