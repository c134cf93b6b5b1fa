"""Formulas of several parts: hydrates, double salts and mixtures by moles.

``CuSO4.5H2O``, ``3CaO·2SiO2·3H2O``, ``0.94Bi0.5Na0.5TiO3-0.06BaTiO3``, ``70SiO2-30Na2O``. A middle dot always
separates. A full stop may be a decimal point too: it separates before a letter or bracket, before water, and between
two oxides.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from epitaxy_models.compositions.atoms import Atoms
from epitaxy_models.compositions.formula import AMOUNT, amount_of, parse_formula
from epitaxy_models.compositions.intake import CompositionLimits, CompositionRefusal, CompositionRepair, refusal

_SEPARATOR = "·"
_ALWAYS = re.compile(r"\s*[·•∙⋅・‧]\s*|\s*\\cdot\s*|\s*\*\s*")
_BEFORE_LETTER = re.compile(r"\s*\.\s*(?=[A-Z(\[{])")
# The number before the point is no lone 0, which makes "0.5H2O" half a water; 1.5 waters are read as such.
_WATER = r"(?:\(\s*[HD]2O\s*\)|\[\s*[HD]2O\s*\]|[HD]2O)"
_HYDRATE = re.compile(rf"(?<=[A-Za-z0-9)\]}}])(?<![A-Za-z)\]}}]0)\.\s*(?={AMOUNT}?\s*{_WATER}\s*(?:[·.\s]|$))")
_UNKNOWN_WATER = re.compile(rf"[·.]\s*[a-z]\s*{_WATER}")
_OXIDE = r"(?:\d{1,4})?([A-Z][a-z]?)(?:\d{1,2})?O(?:\d{1,2})?"
_BETWEEN_OXIDES = re.compile(rf"(?:(?<=^)|(?<=·))({_OXIDE})\.(?=\d{{1,3}}[A-Z][a-z]?\d{{0,2}}O\d{{0,2}}(?:[·.]|$))")
_HYPHEN = re.compile(r"\s*[-\u2010-\u2015\u2212]\s*(?=[\d.]*\s*[A-Z(\[{])|\s+\+\s+")
# A positive oxidation state: hyphens are then signs of the negative ones.
_DECORATED = re.compile(r"[A-Z][a-z]?\d{0,2}\+(?![a-z])")
_MAX_SHOWN = 60
_COEFFICIENT = re.compile(rf"\(?\s*({AMOUNT})\s*\)?\s*(?=[A-Z(\[{{])")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mixture: its coefficient, None where the text states none, and its atoms."""

    coefficient: float | None
    atoms: Atoms

    @property
    def is_element(self) -> bool:
        """Whether the part is a single element, without an amount of its own."""
        return list(self.atoms.amounts.values()) == [1.0]


@dataclass(frozen=True, slots=True)
class Mixture:
    """The parts of one text, and repairs by code."""

    parts: tuple[Part, ...]
    repairs: Mapping[str, str]

    @property
    def is_designation(self) -> bool:
        """Whether the parts are those of an alloy's designation: ``Ti-6Al-4V``, the first element being the balance."""
        first, *others = self.parts
        has_amounts = first.coefficient is None and all(part.coefficient is not None for part in others)
        return bool(others) and has_amounts and all(part.is_element for part in self.parts)

    def atoms(self, by_weight: bool) -> Atoms:
        """All atoms; each part as often as its coefficient says, or by that weight."""
        total = Atoms(repairs=dict(self.repairs))
        for part in self.parts:
            coefficient = 1.0 if part.coefficient is None else part.coefficient
            total.add(part.atoms, coefficient / part.atoms.mass if by_weight and part.atoms.mass else coefficient)
        return total


def split_mixture(text: str, limits: CompositionLimits) -> Mixture:
    """The parts of a formula. Raises InvalidMaterialError as ``parse_formula`` does, and where an amount is missing."""
    dotted, repairs = _with_dots(text)
    hyphen = re.compile(r"(?!)") if _DECORATED.search(text) else _HYPHEN
    pieces = [hyphen.split(piece) for piece in dotted.split(_SEPARATOR)]
    if not all(piece.strip() for group in pieces for piece in group):
        raise refusal(
            CompositionRefusal.UNREADABLE_FORMULA,
            f"{text[:_MAX_SHOWN]!r} has a part without a formula: write each part as in CuSO4·5H2O",
        )
    groups = [[_part(piece, limits) for piece in group] for group in pieces]
    mixture = Mixture(tuple(part for group in groups for part in group), repairs)
    for group in groups:
        # Parts between dots are one each if nothing is said; between hyphens, nobody can know.
        if len(group) > 1 and not mixture.is_designation and any(part.coefficient is None for part in group):
            raise refusal(
                CompositionRefusal.INVALID_AMOUNT,
                f"{text[:_MAX_SHOWN]!r} names parts without amounts: give them, as in 0.9BaTiO3-0.1CaTiO3 or Co2Cr1Fe1",
            )
    return mixture


def _with_dots(text: str) -> tuple[str, dict[str, str]]:
    """The text with a middle dot wherever a part ends."""
    dotted = _BEFORE_LETTER.sub(_SEPARATOR, _ALWAYS.sub(_SEPARATOR, text))
    if _UNKNOWN_WATER.search(dotted):
        raise refusal(
            CompositionRefusal.INVALID_AMOUNT,
            f"{text[:_MAX_SHOWN]!r} has an unknown amount of water: give a number (CuSO4·5H2O)",
        )
    hydrated = _HYDRATE.sub(_SEPARATOR, dotted, count=1)
    repairs: dict[str, str] = {}
    if hydrated != dotted:
        repairs[CompositionRepair.READ_AS_HYDRATE] = (
            f"read as the hydrate {hydrated}; for a decimal write the water apart"
        )
    before = ""
    while before != hydrated:
        before, hydrated = hydrated, _BETWEEN_OXIDES.sub(rf"\1{_SEPARATOR}", hydrated)
    return hydrated, repairs


def _part(piece: str, limits: CompositionLimits) -> Part:
    match = _COEFFICIENT.match(piece.strip())
    # "(Fe)2" begins with a bracket and no number; "(0.94)BaTiO3" has its coefficient in brackets.
    if match is None:
        return Part(None, parse_formula(piece.strip(), limits))
    return Part(amount_of(match[1]), parse_formula(piece.strip()[match.end() :], limits))
