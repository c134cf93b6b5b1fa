"""One material under conditions, whose parts are taken away: what both kinds of explanations ask."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.explanation.explanation import Spread
from epitaxy_models.explanation.faithfulness import Faithfulness, judge
from epitaxy_models.explanation.materials.question import Answers, RememberedAnswers, Stated, Variant
from epitaxy_models.explanation.materials.shapley import Shares, shapley_values
from epitaxy_models.materials.reading import Material

# So many parts take some minutes of a core.
MAX_PARTS = 100


class PartedMaterial(Protocol):
    """A material some of whose parts can be taken away."""

    @property
    def material(self) -> Material:
        """The whole."""

    @property
    def ranks(self) -> Sequence[Hashable]:
        """One a part; equal for parts that are equal by symmetry."""

    def left(self, present: NDArray[np.bool_]) -> Material:
        """The material with these of its parts, ``[n_parts]``."""


@dataclass(frozen=True, slots=True, eq=False)
class SharedOut:
    """Shares of all parts of a material and of its conditions.

    Attributes:
        parts: One a part of the material.
        conditions: One a condition that is stated.
        value: Of the whole.
        baseline: Without any part.
        completeness_error: Sum of the shares minus the change.
        sampling_error: Largest standard error of a share.
        method: How they were computed.
        faithfulness: Whether they pass their test.
    """

    parts: tuple[Spread, ...]
    conditions: tuple[Spread, ...]
    value: float
    baseline: float
    completeness_error: float
    sampling_error: float
    method: str
    faithfulness: Faithfulness


def share_out(parted: PartedMaterial, stated: Stated, answers: Answers) -> SharedOut:
    """Shapley values of parts and stated conditions; equal parts get equal shares.

    Raises InvalidMaterialError (TOO_LARGE_TO_EXPLAIN) for a material of too many parts.
    """
    names, n_parts = list(stated), len(parted.ranks)
    n_all = n_parts + len(names)
    if n_all > MAX_PARTS:
        raise InvalidMaterialError(
            f"{n_all} parts are more than the {MAX_PARTS} that can be explained: give a smaller material",
            reason="TOO_LARGE_TO_EXPLAIN",
        )
    asked = RememberedAnswers(answers)

    def answers_of(present: NDArray[np.bool_]) -> NDArray[np.float64]:
        return asked([_variant(parted, stated, names, row) for row in present])

    seed = int.from_bytes(parted.material.digest()[:8], "little")
    shares = shapley_values(answers_of, n_all, seed)
    equal = _evened(shares.values, [*parted.ranks, *(("condition", name) for name in names)])
    verdict = judge(equal[:, 0], lambda present: np.asarray(answers_of(present)[:, 0]), seed)
    spreads = tuple(_spread(row) for row in equal)
    return SharedOut(
        spreads[:n_parts],
        spreads[n_parts:],
        float(shares.whole[0]),
        float(shares.nothing[0]),
        shares.completeness_error,
        float(shares.errors.max(initial=0.0)),
        _method(shares, n_all),
        verdict,
    )


def _variant(parted: PartedMaterial, stated: Stated, names: Sequence[str], present: NDArray[np.bool_]) -> Variant:
    n_parts = len(parted.ranks)
    kept = {name: stated[name] for name, is_kept in zip(names, present[n_parts:], strict=True) if is_kept}
    own = present[:n_parts]
    return Variant(parted.material if own.all() else parted.left(own), kept)


def _evened(values: NDArray[np.float64], ranks: Sequence[Hashable]) -> NDArray[np.float64]:
    """Each part's share is the mean over its equals: orders that are drawn may tell them apart."""
    numbers = {rank: number for number, rank in enumerate(dict.fromkeys(ranks))}
    classes = np.array([numbers[rank] for rank in ranks], dtype=np.int64)
    evened = values.copy()
    for number in numbers.values():
        evened[classes == number] = values[classes == number].mean(axis=0)
    return evened


def _spread(row: NDArray[np.float64]) -> Spread:
    # One member alone has no spread.
    return Spread(float(row[0]), float(row[1:].std(ddof=1)) if len(row) > 2 else 0.0)


def _method(shares: Shares, n_parts: int) -> str:
    if not n_parts:
        return "nothing to share out: the material is its own baseline"
    if shares.n_orders:
        return f"Shapley values of {n_parts} parts, the mean over {shares.n_orders} random orders"
    return f"Shapley values of {n_parts} parts, exact: all {2**n_parts} variants were predicted"
