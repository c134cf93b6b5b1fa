"""What an explanation asks a model: its answers to variants of one material, under some of its conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.materials.reading import Material

Stated = Mapping[str, float | str]
"""Conditions by name, numbers in the model's own units; those that are not stated are left out."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A material under conditions."""

    material: Material
    stated: Stated

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for variants that every model answers equally."""
        return (self.material.key, *sorted(self.stated.items()))


class Answers(Protocol):
    """One property of one model."""

    def __call__(self, variants: Sequence[Variant]) -> NDArray[np.float64]:
        """``[n_variants, 1 + n_members]``: what the model says, then what each member of the ensemble says."""


class RememberedAnswers:
    """Asks for every variant once. Of one explanation."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._known: dict[tuple[object, ...], NDArray[np.float64]] = {}

    def __call__(self, variants: Sequence[Variant]) -> NDArray[np.float64]:
        """As the answers that it remembers."""
        missing = {variant.key: variant for variant in variants if variant.key not in self._known}
        if missing:
            rows = self._answers(list(missing.values()))
            self._known |= dict(zip(missing, rows, strict=True))
        return np.stack([self._known[variant.key] for variant in variants])

    @property
    def n_asked(self) -> int:
        """Distinct variants so far."""
        return len(self._known)
