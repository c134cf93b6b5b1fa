"""A composition against the average composition: an element that is taken away gives its share to the average."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compositions import Composition
from epitaxy_models.explanation.explanation import Spread
from epitaxy_models.explanation.materials.explanation import ElementShare


class PartedComposition:
    """Implements PartedMaterial. Under a linear rule of mixture an element's share is exact: share times difference."""

    def __init__(self, material: Composition, average: Mapping[int, float]) -> None:
        """``average`` are shares of the atoms by atomic number, on any scale."""
        self.material = material
        self.average = Composition.of(average)
        total = sum(average.values())
        self._average = {number: share / total for number, share in average.items()}
        self._own = dict(zip(material.atomic_numbers, material.fractions.tolist(), strict=True))

    @property
    def ranks(self) -> Sequence[Hashable]:
        """No two elements are equal."""
        return list(self._own)

    def left(self, present: NDArray[np.bool_]) -> Composition:
        """What is there of the material, and of the average as much as was taken away."""
        kept = {z: share for (z, share), is_there in zip(self._own.items(), present, strict=True) if is_there}
        rest = 1.0 - sum(kept.values())
        mixed = {z: kept.get(z, 0.0) + rest * self._average.get(z, 0.0) for z in kept.keys() | self._average.keys()}
        return Composition.of({z: share for z, share in mixed.items() if share > 0})

    def elements(self, shares: Sequence[Spread]) -> tuple[ElementShare, ...]:
        """The largest first."""
        found = [ElementShare(z, 0, x, share) for (z, x), share in zip(self._own.items(), shares, strict=True)]
        return tuple(sorted(found, key=lambda entry: -abs(entry.spread.value)))
