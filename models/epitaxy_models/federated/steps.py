"""The sums of one consortium in their order, each with bounds by which a member's vector is judged before it leaves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import EpitaxyError
from epitaxy_models.federated.columns import LARGEST_FEATURE
from epitaxy_models.federated.networks import n_weights
from epitaxy_models.federated.ridge import gram_length
from epitaxy_models.federated.settings import MethodSettings

Array = NDArray[np.float64]
MOMENTS, SPREADS, NETWORKS, GRAM = "moments", "spreads", "networks", "gram"
MOST_ROWS = 1_000_000
# Of one weight in one round. Honest changes are below 0.2.
LARGEST_CHANGE = 2.0


class InvalidUpdateError(EpitaxyError):
    """A vector that must not be added: it holds what is not finite, or more than rows can make."""

    default_reason = "INVALID_UPDATE"


@dataclass(frozen=True, slots=True)
class SumStep:
    """One release.

    Attributes:
        name: Of the step: ``moments``, ``spreads``, ``networks-3``, ``gram``.
        length: Numbers in the vector.
        bound: Largest size of any of them, of one member.
        row_norm: Most by which one row changes the vector, as a Euclidean norm; None where nothing bounds it: then no
            noise makes the release differentially private by row.
    """

    name: str
    length: int
    bound: float
    row_norm: float | None

    @property
    def kind(self) -> str:
        """The name without the number of the round."""
        return self.name.partition("-")[0]

    def check(self, vector: Array, who: str) -> None:
        """Raises InvalidUpdateError, which names ``who``."""
        if vector.shape != (self.length,):
            raise InvalidUpdateError(f"{who}: {self.name} holds {vector.size} numbers, {self.length} are agreed")
        if not np.isfinite(vector).all():
            n_bad = int((~np.isfinite(vector)).sum())
            raise InvalidUpdateError(f"{who}: {self.name} holds {n_bad} numbers that are not finite")
        largest = float(np.abs(vector).max(initial=0.0))
        if largest > self.bound:
            raise InvalidUpdateError(f"{who}: {self.name} holds {largest:.3g}, at most {self.bound:.3g} is agreed")


def first_steps(n_features: int) -> tuple[SumStep, SumStep]:
    """What comes before the number of inputs is known."""
    norm = float(np.sqrt(1 + (n_features + 1) * LARGEST_FEATURE**2))
    # About a mean within the same bound, a square is at most four times as large.
    square = 4 * LARGEST_FEATURE**2
    return (
        SumStep(MOMENTS, n_features + 2, MOST_ROWS * LARGEST_FEATURE, norm),
        SumStep(SPREADS, n_features + 1, MOST_ROWS * square, float(square * np.sqrt(n_features + 1))),
    )


def later_steps(n_inputs: int, settings: MethodSettings) -> tuple[SumStep, ...]:
    """Rounds of the networks, then, if agreed, the Gram matrices of all folds."""
    length = n_weights(n_inputs, settings) + 1
    rounds = [
        SumStep(f"{NETWORKS}-{number + 1}", length, MOST_ROWS * LARGEST_CHANGE, None)
        for number in range(settings.rounds)
    ]
    # A row of features has a squared norm of at most 3, a standardized label is at most 20 deviations away.
    return (*rounds, _gram_step(settings, 20.0)) if settings.has_ridge else tuple(rounds)


def only_step(settings: MethodSettings) -> tuple[SumStep]:
    """The one release without rounds; labels lie between -1 and 1."""
    return (_gram_step(settings, 1.0),)


def _gram_step(settings: MethodSettings, largest_target: float) -> SumStep:
    # The norm of a row's outer product is its squared norm.
    row_norm = 3.0 + largest_target**2
    return SumStep(GRAM, settings.n_networks * gram_length(settings), MOST_ROWS * row_norm, row_norm)
