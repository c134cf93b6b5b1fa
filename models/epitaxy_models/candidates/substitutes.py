"""Which ions may take the places of others: data-mined probabilities of ionic substitution.

Hautier, Fischer, Ehrlacher, Jain, Ceder, Inorg. Chem. 50, 656 (2011). The weights are those that pymatgen carries; the
search over them is ours, since pymatgen's own takes seconds for four ions and its order changes from run to run.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.structure_prediction.substitution_probability import SubstitutionProbability

from epitaxy_models.candidates.charges import Ion, IonicCrystal
from epitaxy_models.errors import InvalidStructureError

UNKNOWN_IONS = "UNKNOWN_IONS"


@dataclass(frozen=True, slots=True)
class Replacement:
    """What takes the place of each ion of a crystal.

    Attributes:
        probability: That a crystal with the old ions has a counterpart with the new ones.
        ions: In the order of the crystal's ions.
    """

    probability: float
    ions: tuple[Ion, ...]


@dataclass(frozen=True, eq=False)
class SubstitutionTable:
    """Probabilities of replacing one ion by another.

    Attributes:
        ions: All ions of the table, sorted.
        probabilities: Of the new ion given the old one, ``[n_old, n_new]``; rows add up to 1.
    """

    ions: tuple[Ion, ...]
    probabilities: NDArray[np.float64]

    def replacements(self, crystal: IonicCrystal, threshold: float, without: Collection[str] = ()) -> list[Replacement]:
        """All that balance the charges, the most probable first; those with equal probabilities by their ions.

        Args:
            crystal: What is replaced in.
            threshold: The least probability.
            without: Symbols of elements that no candidate may hold.

        Raises:
            InvalidStructureError: UNKNOWN_IONS if the table lacks one of the ions.
        """
        rows = [self._row(ion) for ion in crystal.ions]
        allowed = np.array([ion.symbol not in without for ion in self.ions])
        options = [self._options(row, allowed) for row in rows]
        found = self._search(crystal, options, threshold)
        same = tuple(ion.symbol for ion in crystal.ions)
        kept = [one for one in found if tuple(ion.symbol for ion in one.ions) != same]
        return sorted(kept, key=lambda one: (-one.probability, one.ions))

    def _row(self, ion: Ion) -> NDArray[np.float64]:
        if ion not in self.ions:
            raise InvalidStructureError(
                f"the table of substitutions knows no {ion.name}: it holds {len(self.ions)} ions that are frequent in "
                "the ICSD",
                reason=UNKNOWN_IONS,
            )
        return np.asarray(self.probabilities[self.ions.index(ion)])

    def _options(self, row: NDArray[np.float64], allowed: NDArray[np.bool_]) -> list[tuple[float, Ion]]:
        """Ions with their probabilities, the likeliest first."""
        order = np.argsort(-row, kind="stable")
        return [(float(row[place]), self.ions[place]) for place in order if allowed[place]]

    def _search(
        self, crystal: IonicCrystal, options: Sequence[Sequence[tuple[float, Ion]]], threshold: float
    ) -> list[Replacement]:
        """Branch and bound: what the best of all further ions cannot lift over the threshold is cut off."""
        counts = crystal.counts.tolist()
        best_left = [
            math.prod(option[0][0] for option in options[start:] if option) for start in range(len(options) + 1)
        ]
        found: list[Replacement] = []

        def extend(chosen: tuple[Ion, ...], probability: float, charge: int) -> None:
            place = len(chosen)
            if place == len(options):
                if charge == 0:
                    found.append(Replacement(probability, chosen))
                return
            old = crystal.ions[place].symbol
            # Sites of two elements that take one element would make another structure type.
            taken = {new.symbol for new, of in zip(chosen, crystal.ions, strict=False) if of.symbol != old}
            for step, ion in options[place]:
                if probability * step * best_left[place + 1] < threshold:
                    break
                if ion.symbol not in taken:
                    extend((*chosen, ion), probability * step, charge + ion.charge * counts[place])

        extend((), 1.0, 0)
        return found


@cache
def substitution_table() -> SubstitutionTable:
    """The table that pymatgen carries; made once a process, in seconds."""
    model = SubstitutionProbability()
    known = {Ion(str(one.symbol), int(one.oxi_state)): one for one in model.species}
    ions = tuple(sorted(known))
    weights = np.exp([[model.get_lambda(known[old], known[new]) for new in ions] for old in ions])
    return SubstitutionTable(ions, weights / weights.sum(axis=1, keepdims=True))
