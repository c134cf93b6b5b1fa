"""What the substrate itself says of a property: the start of a campaign that has no labels."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.objective import Objective
from epitaxy_models.transfer.inputs import ESTIMATES, FIDELITIES, SUBSTRATE
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind

Array = NDArray[np.float64]
_TYPICAL_ERROR = 0.25
# The score of a gate is no certainty.
_LEAST_CHANCE = 0.02
_NO_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, eq=False)
class HeadAnswer:
    """Predictions of a property before any label.

    Attributes:
        source: Name of the head or of the textbook relation.
        values: In the property's unit, ``[n_candidates]``.
        states_value: Whether the values are meant as values; an estimate that only ranks does not.
        chance_above: Probability to lie above 0 where many lie at it, such as gaps of metals, ``[n_candidates]``; None
            where nothing tells it.
    """

    source: str
    values: Array
    states_value: bool = True
    chance_above: Array | None = None

    def chance_of(self, objective: Objective) -> Array | None:
        """Probability that values lie where the goal is at all; None where nothing tells it, or 0 is as good."""
        if objective.goal.is_monotone or objective.low <= 0 or self.chance_above is None:
            return None
        return np.clip(self.chance_above, _LEAST_CHANCE, 1.0)

    def scores(self, objective: Objective) -> Array:
        """More is better, ``[n_candidates]``: the utility, or with a chance the logarithm of the probability to hit.

        Before any result a head is taken to err by a quarter of the spread of its values.
        """
        utility, chance = objective.utility(self.values), self.chance_of(objective)
        if chance is None:
            return utility
        error = _TYPICAL_ERROR * float(self.values.std()) + 1e-12
        return np.asarray(np.log(chance) - 0.5 * (utility / error) ** 2)

    def on_scale(self, transform: TargetTransform) -> Array:
        """The values on the scale of a fit; those that have no place on it count as a tenth of the least that has."""
        values = self.values
        if transform.kind is TransformKind.LOG10:
            has_place = values > 0
            least = 0.1 * float(values[has_place].min()) if has_place.any() else 1.0
            values = np.where(has_place, values, least)
        return transform.forward(values)


# Words in a name, unit, and the columns of heads that state the property, the best first.
_HEADS: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = (
    (("hull",), "eV/atom", ("e_above_hull_mp2021_eV_atom",)),
    (
        ("formation", "enthalpy"),
        "eV/atom",
        ("formation_energy_mp2021_eV_atom", "formation_energy_mp2018_eV_atom"),
    ),
    (("gap",), "eV", ("band_gap_pbe_mp2022_eV", "band_gap_pbe_mp2021_eV", "band_gap_pbe_mp2018_eV", "qm_gap_eV")),
    (("bulk",), "GPa", ("log10_bulk_modulus_1", "log10_bulk_modulus_GPa_1")),
    (("debye",), "K", ("log10_debye_1",)),
    (("homo",), "eV", ("qm_homo_eV",)),
    (("lumo",), "eV", ("qm_lumo_eV",)),
    (("dipole",), "D", ("qm_dipole_D",)),
    (("melting",), "K", ("ex_tm_K",)),
    (("boiling",), "K", ("ex_tb_K",)),
    (("refractive",), "1", ("ex_ri_1",)),
    (("partition", "logp"), "1", ("ex_logp_1",)),
    (("efficiency", "pce"), "%", ("cep_pce_pct",)),
)
# Gaps beyond PBE where a head of the substrate states them, as that of compositions does.
_HYBRID_GAP, _HYBRID_WORDS = "band_gap_hse_eV", ("hse", "exp")
# Parts of a name, units (none: any), the head whose order a property follows, and the factor of the relation. Ranks of
# glass transitions of measured polymers agree with those of the melting point that the head states by 0.86 (Spearman; a
# melting point lies about half as high again, Beaman 1952), of computed densities by 0.93, of solubilities by 0.82.
_RANKS: tuple[tuple[tuple[str, ...], tuple[str, ...], str, float], ...] = (
    (("glass", "tg"), ("K", "degC"), "ex_tm_K", 1.0),
    (("density",), ("g/cm3", "g/cm^3"), "ex_rho_1", 1e-3),
    (("solubility",), (), "ex_logp_1", -1.0),
)
_OF_FIDELITIES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("hse", "exp"), "HSE06"),
    (("gllb",), "GLLB_SC"),
    (("scan",), "SCAN"),
)


def head_answer(
    name: str,
    unit: str,
    blocks: Mapping[str, NDArray[np.floating]],
    heads: Sequence[str],
    fidelities: Sequence[str] = (),
) -> HeadAnswer | None:
    """What the substrate says of a property; None if it says nothing.

    Args:
        name: Property as the column is written.
        unit: Its unit.
        blocks: Features of the pool as computed.
        heads: Label columns of the substrate's heads, in the order of their block.
        fidelities: Names of the columns of the shipped models of further fidelities, in the order of their block.
    """
    words = name.lower()
    if unit == "eV" and "gap" in words:
        for hints, fidelity in _OF_FIDELITIES if FIDELITIES in blocks else ():
            if any(hint in words for hint in hints) and fidelity in fidelities:
                return _of_fidelity(fidelity, blocks[FIDELITIES], list(fidelities))
        if any(hint in words for hint in _HYBRID_WORDS) and _HYBRID_GAP in heads and SUBSTRATE in blocks:
            return HeadAnswer(_HYBRID_GAP, _column(blocks[SUBSTRATE], list(heads).index(_HYBRID_GAP)))
    for hints, own_unit, columns in _HEADS:
        if unit == own_unit and any(hint in words for hint in hints):
            for column in columns:
                if column in heads and SUBSTRATE in blocks:
                    found = _column(blocks[SUBSTRATE], list(heads).index(column))
                    return HeadAnswer(column, 10.0**found if column.startswith("log10_") else found)
    return _textbook(words, blocks) or _ranked(words, unit, blocks, heads)


def _ranked(
    words: str, unit: str, blocks: Mapping[str, NDArray[np.floating]], heads: Sequence[str]
) -> HeadAnswer | None:
    """A head of another property that ranks alike; None where there is none."""
    parts = set(_NO_WORD.split(words))
    for hints, units, column, factor in _RANKS:
        is_meant = parts.intersection(hints) and (unit in units or not units)
        if is_meant and column in heads and SUBSTRATE in blocks:
            values = _column(blocks[SUBSTRATE], list(heads).index(column))
            return HeadAnswer(column, factor * values, states_value=False)
    return None


def _of_fidelity(fidelity: str, block: NDArray[np.floating], columns: list[str]) -> HeadAnswer:
    gate = f"{fidelity} gate"
    chance = _column(block, columns.index(gate)) if gate in columns else None
    return HeadAnswer(fidelity, _column(block, columns.index(fidelity)), chance_above=chance)


def _textbook(words: str, blocks: Mapping[str, NDArray[np.floating]]) -> HeadAnswer | None:
    estimates = blocks.get(ESTIMATES)
    is_dielectric = any(word in words for word in ("dielectric", "eps", "refractive"))
    if estimates is None or estimates.shape[1] < 2 or not is_dielectric:
        return None
    return HeadAnswer("Penn's model of the dielectric constant", 10.0 ** _column(estimates, 1), states_value=False)


def _column(block: NDArray[np.floating], place: int) -> Array:
    return np.asarray(block[:, place], dtype=np.float64)
