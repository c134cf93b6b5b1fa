"""Whether labels have the unit that their owner says: held against what the substrate predicts for the structures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.data.units import UNITS, suffix_of_unit
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.ranks import rank_correlation

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
_REFERENCES = ("formation_energy", "band_gap")
# Labels must follow the prediction this well (Spearman) before their unit is doubted.
_RELATED = 0.5
# And another unit must explain them better by this factor, and leave an error below that share of what it explains,
# both as logarithms, and never beyond a factor of e. With 20 draws of 20, 50 and 250 labels of seven sets (measured
# and computed energies and gaps) no right unit was doubted; a factor of 1000, cell for atom and turned signs of
# energies were found in 17 to 20 of 20 draws, of gaps as well where 15 of them or more are not zero.
_GAINED, _SHARE_LEFT, _NEAR = float(np.log(3.0)), 0.25, 1.0
# Left where only the sign is turned: a factor of 1.65.
_NEAR_TURNED = 0.5
# Rows that say something of a ratio.
_N_COMPARED = 15
_ROWS_AT_ONCE = 32


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


ReadReferences = Callable[[Sequence[CrystalGraph], Sequence[Structure]], Sequence[ReferenceValues]]


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


class SubstrateReferences:
    """Energies and gaps that a model predicts for structures; it embeds each of them."""

    def __init__(self, artifact: ModelArtifact, embedder: Embedder) -> None:
        """``embedder`` is one of the same artifact."""
        self._card, self._embed, self._readout = artifact.card, embedder, CalibratedReadout(artifact)

    def __call__(self, graphs: Sequence[CrystalGraph], structures: Sequence[Structure]) -> Sequence[ReferenceValues]:
        """Predicted formation energies and gaps, as far as the model serves them, ``[n_rows]`` each."""
        starts = range(0, len(graphs), _ROWS_AT_ONCE)
        parts = [self._embed(graphs[start : start + _ROWS_AT_ONCE]) for start in starts] or [self._embed([])]
        means, _, _ = self._readout.spread(np.concatenate(parts), [s.atomic_numbers for s in structures])
        return [
            ReferenceValues(entry.definition.name, entry.definition.unit, means[:, column])
            for column, entry in enumerate(self._card.properties)
            if entry.definition.name in _REFERENCES
        ]


def doubted_unit(
    labels: NDArray[np.float64], unit: str, structures: Sequence[Structure], references: Sequence[ReferenceValues]
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
    reference: ReferenceValues, labels: NDArray[np.float64], stated: tuple[str, str], structures: Sequence[Structure]
) -> UnitDoubt | None:
    amounts = _EXTENSIVE if reference.unit.endswith("/atom") else _INTENSIVE
    if stated[1] not in amounts:
        return None
    weights = {amount: _atoms_in(amount, structures) for amount in amounts}
    # The stated unit first: among equals it stays.
    others = [(energy, amount) for energy in _ENERGIES for amount in amounts if (energy, amount) != stated]
    readings = [_Reading.of(labels, reference, unit, weights[unit[1]]) for unit in (stated, *others)]
    usable = [reading for reading in readings if reading is not None]
    if readings[0] is None or not usable:
        return None
    as_stated, best = readings[0], min(usable, key=lambda reading: reading.error)
    is_turned = best.correlation < 0
    gained = as_stated.error - best.error
    explains = gained >= _GAINED and best.error <= min(_NEAR, _SHARE_LEFT * gained)
    if abs(best.correlation) < _RELATED or not (explains or (is_turned and best.error <= _NEAR_TURNED)):
        return None
    likely = as_stated.unit if gained < _GAINED else best.unit
    name = f"{likely[0]}{likely[1]}" + (" with the sign turned" if is_turned else "")
    return UnitDoubt("".join(stated), name, reference.name, as_stated.factor, abs(best.correlation))


@dataclass(frozen=True, slots=True)
class _Reading:
    """Labels read in one unit, against the predictions.

    Attributes:
        unit: Energy and amount.
        factor: Median ratio of sizes.
        error: Median of the absolute logarithm of that ratio.
        correlation: Spearman's, negative where most signs differ.
    """

    unit: tuple[str, str]
    factor: float
    error: float
    correlation: float

    @classmethod
    def of(
        cls,
        labels: NDArray[np.float64],
        reference: ReferenceValues,
        unit: tuple[str, str],
        n_atoms: NDArray[np.float64],
    ) -> "_Reading | None":
        read = labels * _ENERGIES[unit[0]] / n_atoms
        sizes, predicted = np.abs(read), np.abs(reference.values)
        told = (sizes > _TINY * np.median(sizes)) & (predicted > _TINY * np.median(predicted)) & (predicted > 1e-3)
        if np.count_nonzero(told) < _N_COMPARED:
            return None
        logs = np.log(sizes[told] / predicted[told])
        is_turned = np.mean(np.sign(read[told]) == np.sign(reference.values[told])) < _TINY
        sign = -1.0 if is_turned else 1.0
        correlation = sign * rank_correlation(sign * read[told], reference.values[told])
        return cls(unit, float(np.exp(np.median(logs))), float(np.median(np.abs(logs))), correlation)


def _atoms_in(amount: str, structures: Sequence[Structure]) -> NDArray[np.float64]:
    """Atoms that an energy is counted for, ``[n_rows]``."""
    if amount == "/cell":
        return np.array([structure.n_sites for structure in structures], dtype=np.float64)
    if amount == "/formula unit":
        return np.array([structure.n_sites / _formula_units(structure) for structure in structures])
    return np.ones(len(structures))


def _formula_units(structure: Structure) -> int:
    return int(np.gcd.reduce(np.bincount(structure.atomic_numbers)))


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
