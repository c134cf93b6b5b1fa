"""What a material is that consists of repeat units."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.polymers.canonical_unit import without_stereo
from epitaxy_models.polymers.repeat_unit import RepeatUnit


class Arrangement(StrEnum):
    """How the units of a polymer follow each other; an alternating copolymer is a homopolymer of a longer unit."""

    HOMOPOLYMER = "homopolymer"
    RANDOM = "random"
    BLOCK = "block"


@dataclass(frozen=True)
class Polymer:
    """Repeat units and their shares; equal polymers are equal objects, however they were written.

    Attributes:
        units: In the order of their keys; one, or the several of a copolymer.
        amounts: Canonical whole numbers in the ratio of the units, as of ``canonical_amounts``. Each unit counts as its
            shortest form: ``*CC*`` is twice ``*C*``.
        arrangement: How they follow each other.
    """

    units: tuple[RepeatUnit, ...]
    amounts: tuple[int, ...]
    arrangement: Arrangement = Arrangement.HOMOPOLYMER

    def __post_init__(self) -> None:
        if len(self.units) != len(self.amounts) or not self.amounts or min(self.amounts) < 1:
            raise ValueError(f"{len(self.units)} units and amounts {self.amounts}: give one positive amount each")
        if (len(self.units) == 1) != (self.arrangement is Arrangement.HOMOPOLYMER):
            raise ValueError(f"{len(self.units)} units are no {self.arrangement}")
        if [unit.key for unit in self.units] != sorted({unit.key for unit in self.units}):
            raise ValueError("units must be distinct and in the order of their keys")

    @cached_property
    def fractions(self) -> NDArray[np.float64]:
        """Shares of the units by number, float64 ``[n_units]``; they add up to 1."""
        amounts = np.array(self.amounts, dtype=np.float64)
        fractions = np.asarray(amounts / amounts.sum(), dtype=np.float64)
        fractions.setflags(write=False)
        return fractions

    @cached_property
    def key(self) -> str:
        """What identifies the polymer: the key of its unit, or ``"*C* 2; *CC(*)C 1; random"``, which reads back."""
        return self._written([unit.key for unit in self.units])

    @cached_property
    def constitution(self) -> str:
        """The same without stereochemistry: the group that splits keep together."""
        return self._written([without_stereo(unit).key for unit in self.units])

    @property
    def formula(self) -> str:
        """The key, which is what polymer chemists read."""
        return self.key

    def digest(self) -> bytes:
        """16 bytes that name the polymer."""
        return blake2b(self.key.encode(), digest_size=16).digest()

    def _written(self, keys: list[str]) -> str:
        if len(keys) == 1:
            return keys[0]
        parts = [f"{key} {amount}" for key, amount in zip(keys, self.amounts, strict=True)]
        return "; ".join([*parts, f"{self.arrangement} ratio"])
