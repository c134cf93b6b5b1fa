"""Whether labels have the unit that their owner says: held against what the substrate predicts for the structures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.data.units import UNITS, suffix_of_unit
from epitaxy_models.transfer.labels.formulas import atoms_in
from epitaxy_models.transfer.labels.ranks import rank_correlation

# eV, then what the energy is counted for. J. Phys. Chem. Ref. Data 50, 033105 (2021), CODATA 2018.
_ENERGIES = {
    "eV": 1.0,
    "meV": 1e-3,
    "kJ/mol": 1.0 / 96.48533,
    "kcal/mol": 1.0 / 23.06055,
    "Ry": 13.605693,
    "Hartree": 27.211386,
}
_AMOUNTS = ("", "/atom", "/cell", "/formula unit")
# A table writes eV for a gap and kJ/mol for a formula unit; an intensive energy has no amount.
_INTENSIVE, _EXTENSIVE = ("",), ("/atom", "/cell", "/formula unit")

# Labels closer to zero than this share of their median say nothing of a ratio.
_TINY = 0.1
# Heights above the hull are near zero whatever the crystal: labels meet them by chance.
REFERENCES = ("formation_energy", "band_gap")
# Labels must follow the prediction this well (Spearman) before their unit is doubted.
_RELATED = 0.5
# And by this many standard errors of no relation, which few labels meet by chance: 2D exfoliation energies do.
_SIGNIFICANT = 3.0
# And another unit must explain them better by this factor, and leave an error below that share of what it explains,
# both as logarithms, and never beyond a factor of e. With 20 draws of 20, 50 and 250 labels of seven sets (measured
# and computed energies and gaps) no right unit was doubted; a factor of 1000, cell for atom and turned signs of
# energies were found in 17 to 20 of 20 draws, of gaps as well where 15 of them or more are not zero.
_GAINED, _SHARE_LEFT, _NEAR = float(np.log(3.0)), 0.25, 1.0
# Left where only the sign is turned: a factor of 1.65.
_NEAR_TURNED = 0.5
# Rows that say something of a ratio.
_N_COMPARED = 15


class Sized(Protocol):
    """A crystal, as far as its size goes."""

    @property
    def n_sites(self) -> int:
        """Atoms in the cell."""

    @property
    def reduced_formula(self) -> str:
        """Formula of smallest integers."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceValues:
    """What a substrate predicts.

    Attributes:
        name: Name of the property.
        unit: Unit of the values, ``"eV"`` or ``"eV/atom"``.
        values: float64 ``[n_rows]``.
    """

    name: str
    unit: str
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UnitDoubt:
    """Labels that fit another unit far better than the one stated.

    Attributes:
        stated: Unit as stated.
        likely: Unit that the values seem to have, with a minus where their sign is turned as well.
        reference: Property of the substrate that they were held against.
        factor: Median ratio of labels, read in the stated unit, to predictions.
        correlation: Spearman's, between labels and predictions, under the likely unit.
    """

    stated: str
    likely: str
    reference: str
    factor: float
    correlation: float

    @property
    def message(self) -> str:
        """What is odd and what to do, in one sentence."""
        reference = self.reference.replace("_", " ")
        return (
            f"labels stated in {self.stated} are {self.factor:.3g} times the substrate's {reference} and "
            f"look like {self.likely}: check the unit, or convert them"
        )


def doubted_unit(
    labels: NDArray[np.float64], unit: str, structures: Sequence[Sized], references: Sequence[ReferenceValues]
) -> UnitDoubt | None:
    """The strongest doubt about the unit of labels ``[n_rows]``; None if it is no energy, or none arises.

    Only a reference that the labels follow, on enough rows, can raise one.
    """
    stated = _split(unit)
    if stated is None:
        return None
    doubts = [doubt for one in references if (doubt := _held_against(one, labels, stated, structures)) is not None]
    return max(doubts, key=lambda doubt: doubt.correlation, default=None)


def _held_against(
    reference: ReferenceValues, labels: NDArray[np.float64], stated: tuple[str, str], structures: Sequence[Sized]
) -> UnitDoubt | None:
    amounts = _EXTENSIVE if reference.unit.endswith("/atom") else _INTENSIVE
    if stated[1] not in amounts:
        return None
    readings = [
        reading
        for amount in amounts
        for reading in _Reading.each(labels, reference, amount, _atoms_in(amount, structures))
    ]
    as_stated = next((reading for reading in readings if reading.unit == stated), None)
    if as_stated is None:
        return None
    # The stated unit first: among equals it stays.
    best = min([as_stated, *readings], key=lambda reading: reading.error)
    correlation = best.correlation()
    is_turned = correlation < 0
    gained = as_stated.error - best.error
    explains = gained >= _GAINED and best.error <= min(_NEAR, _SHARE_LEFT * gained)
    related = max(_RELATED, _SIGNIFICANT / np.sqrt(len(best.read) - 1))
    if abs(correlation) < related or not (explains or (is_turned and best.error <= _NEAR_TURNED)):
        return None
    likely = as_stated.unit if gained < _GAINED else best.unit
    name = f"{likely[0]}{likely[1]}" + (" with the sign turned" if is_turned else "")
    return UnitDoubt("".join(stated), name, reference.name, as_stated.factor, abs(correlation))


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """Labels read in one unit, against the predictions.

    Attributes:
        unit: Energy and amount.
        factor: Median ratio of sizes.
        error: Median of the absolute logarithm of that ratio.
        read: Labels that say something of a ratio, but for a factor.
        predicted: The predictions for them.
    """

    unit: tuple[str, str]
    factor: float
    error: float
    read: NDArray[np.float64]
    predicted: NDArray[np.float64]

    @classmethod
    def each(
        cls, labels: NDArray[np.float64], reference: ReferenceValues, amount: str, n_atoms: NDArray[np.float64]
    ) -> "Iterator[_Reading]":
        """One an energy; none where too few labels say something of a ratio, which no factor changes."""
        read, predicted = labels / n_atoms, np.abs(reference.values)
        sizes = np.abs(read)
        told = (sizes > _TINY * np.median(sizes)) & (predicted > _TINY * np.median(predicted)) & (predicted > 1e-3)
        if np.count_nonzero(told) < _N_COMPARED:
            return
        logs = np.log(sizes[told] / predicted[told])
        middle = float(np.median(logs))
        for energy, factor in _ENERGIES.items():
            error = float(np.median(np.abs(logs + np.log(factor))))
            yield cls((energy, amount), float(factor * np.exp(middle)), error, read[told], reference.values[told])

    def correlation(self) -> float:
        """Spearman's, negative where most signs differ."""
        is_turned = np.mean(np.sign(self.read) == np.sign(self.predicted)) < _TINY
        sign = -1.0 if is_turned else 1.0
        return sign * rank_correlation(sign * self.read, self.predicted)


def _atoms_in(amount: str, structures: Sequence[Sized]) -> NDArray[np.float64]:
    """Atoms that an energy is counted for, ``[n_rows]``."""
    if amount == "/cell":
        return np.array([structure.n_sites for structure in structures], dtype=np.float64)
    if amount == "/formula unit":
        return np.array([atoms_in(structure.reduced_formula) for structure in structures])
    return np.ones(len(structures))


def _split(unit: str) -> tuple[str, str] | None:
    """Energy and amount of a unit as a person writes it, None if it is no energy."""
    suffix = suffix_of_unit(unit)
    plain = "".join((UNITS[suffix] if suffix else unit).split())
    energy, _, amount = plain.partition("/") if not plain.startswith(("kJ/mol", "kcal/mol")) else _molar(plain)
    found = next((known for known in _ENERGIES if known.lower() == energy.lower()), None)
    written = {"": "", "atom": "/atom", "cell": "/cell", "fu": "/formula unit", "f.u.": "/formula unit"}
    return (found, written[amount.lower()]) if found and amount.lower() in written else None


def _molar(text: str) -> tuple[str, str, str]:
    """A mole of formula units unless the text says of what."""
    energy, _, amount = text.partition("/mol")
    return f"{energy}/mol", "", amount.lstrip("/") or "fu"
