"""From a text to a polymer: the SMILES of a repeat unit with two ``*``, or of several units with fractions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from rdkit import Chem

from epitaxy_models.compositions.canonical_amounts import canonical_amounts
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.molecules.admission import atoms_of, check_charges, sanitized, separated_charges, shown, survey
from epitaxy_models.molecules.intake import MoleculeLimits, MoleculeRefusal
from epitaxy_models.molecules.text import read_smiles
from epitaxy_models.polymers.canonical_unit import canonical_unit
from epitaxy_models.polymers.intake import (
    DEFAULT_LIMITS,
    PolymerIntake,
    PolymerLimits,
    PolymerRefusal,
    PolymerRepair,
    refusal,
)
from epitaxy_models.polymers.polymer import Arrangement, Polymer
from epitaxy_models.polymers.repeat_unit import RepeatUnit, open_ends
from epitaxy_models.structures.intake import Repair
from epitaxy_models.structures.masses import ATOMIC_MASSES

_UNIT = re.compile(r"(\S+)(?:\s+([+-]?[\d.]{1,20}(?:[eE][+-]?\d{1,2})?)\s*%?)?")
_WORDS = {"random", "block", "mol", "wt", "ratio"}
_SUM_TOLERANCE = 0.01
_TOLD_FROM = 0.0005


@dataclass(frozen=True, slots=True)
class ReadUnit:
    """One unit as read: its shortest form, how often that is in what was written, and the repairs."""

    unit: RepeatUnit
    n_repeats: int
    repairs: tuple[Repair, ...]

    @property
    def mass(self) -> float:
        """Mass of the unit as written, u."""
        atoms = [(atom.GetAtomicNum(), atom.GetTotalNumHs()) for atom in atoms_of(self.unit.graph)]
        whole = sum(ATOMIC_MASSES[number] + n_hydrogens * ATOMIC_MASSES[1] for number, n_hydrogens in atoms if number)
        return float(whole * self.n_repeats)


def read_polymer(text: str, limits: PolymerLimits = DEFAULT_LIMITS) -> PolymerIntake:
    """The polymer of ``*CC(*)c1ccccc1``, or of units with fractions: ``*CC* 0.7; *CC(*)C 0.3; random``.

    Units are separated by semicolons. After them may stand ``random`` (the default) or ``block``, and ``mol`` (the
    default; fractions by number of units as written), ``wt`` (by weight) or ``ratio`` (by number, in any scale).

    Raises InvalidMaterialError with a reason of ``PolymerRefusal`` or ``MoleculeRefusal``.
    """
    pieces = [piece.strip() for piece in text.split(";")]
    words = pieces.pop().lower().split() if set(pieces[-1].lower().split()) & _WORDS else []
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        raise refusal(PolymerRefusal.EMPTY_POLYMER, "the polymer has no repeat unit: give one such as *CC(*)C")
    if len(pieces) > limits.max_units:
        raise refusal(
            PolymerRefusal.TOO_MANY_UNITS,
            f"the polymer has {len(pieces)} units, over the limit of {limits.max_units}: leave the rare ones out",
        )
    if len(pieces) == 1 and not words:
        return _homopolymer(_read_unit(pieces[0], limits.unit))
    return _copolymer(pieces, frozenset(words), limits)


def _homopolymer(read: ReadUnit) -> PolymerIntake:
    return PolymerIntake(Polymer((read.unit,), (1,)), read.repairs)


def _copolymer(pieces: Sequence[str], words: frozenset[str], limits: PolymerLimits) -> PolymerIntake:
    if words - _WORDS or {"random", "block"} <= words or len(words & {"mol", "wt", "ratio"}) > 1:
        raise refusal(
            PolymerRefusal.FRACTIONS_DO_NOT_ADD_UP,
            f"{' '.join(sorted(words))[:60]!r} does not say how the units follow each other: give random or block, and "
            "mol, wt or ratio",
        )
    matches = [_UNIT.fullmatch(piece) for piece in pieces]
    fractions = [float(match[2]) if match and match[2] and _is_number(match[2]) else -1.0 for match in matches]
    if len(pieces) == 1 and fractions == [-1.0]:
        fractions = [1.0]
    for piece, fraction in zip(pieces, fractions, strict=True):
        if fraction <= 0:
            raise refusal(
                PolymerRefusal.FRACTIONS_DO_NOT_ADD_UP,
                f"the unit {shown(piece)} has no positive fraction: give one after it, as in *CC* 0.7; *CC(*)C 0.3",
            )
    repairs = () if "ratio" in words else _check_sum(fractions)
    read = [_read_unit(match[1], limits.unit) for match in matches if match]
    by_weight = "wt" in words
    amounts = [f / one.mass if by_weight else f for f, one in zip(fractions, read, strict=True)]
    return _merged(read, amounts, Arrangement.BLOCK if "block" in words else Arrangement.RANDOM, repairs)


def _merged(
    read: Sequence[ReadUnit], amounts: Sequence[float], arrangement: Arrangement, repairs: tuple[Repair, ...]
) -> PolymerIntake:
    """Units that are the same are one, each counted in its shortest form."""
    units = {one.unit.key: one.unit for one in read}
    told = (*repairs, *dict.fromkeys(repair for one in read for repair in one.repairs))
    if len(units) < len(read):
        told += (Repair(PolymerRepair.MERGED_UNITS, "units that are the same were added up"),)
    if len(units) == 1:
        return PolymerIntake(Polymer((read[0].unit,), (1,)), told)
    totals = dict.fromkeys(sorted(units), 0.0)
    for one, amount in zip(read, amounts, strict=True):
        totals[one.unit.key] += amount * one.n_repeats
    canonical = canonical_amounts(list(totals.values()))
    kept = [(units[key], amount) for key, amount in zip(totals, canonical, strict=True) if amount]
    if len(kept) == 1:
        return PolymerIntake(Polymer((kept[0][0],), (1,)), told)
    return PolymerIntake(Polymer(tuple(unit for unit, _ in kept), tuple(n for _, n in kept), arrangement), told)


def _check_sum(fractions: Sequence[float]) -> tuple[Repair, ...]:
    total = fsum(fractions)
    whole = 1.0 if total <= 1.0 + _SUM_TOLERANCE else 100.0
    if abs(total / whole - 1.0) > _SUM_TOLERANCE:
        raise refusal(
            PolymerRefusal.FRACTIONS_DO_NOT_ADD_UP,
            f"the fractions of the units add up to {total:.6g}, neither 1 nor 100: complete them, or add ratio",
        )
    if abs(total / whole - 1.0) > _TOLD_FROM:
        return (
            Repair(PolymerRepair.SCALED_FRACTIONS, f"fractions that add up to {total:.6g} were scaled to {whole:g}"),
        )
    return ()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_unit(smiles: str, limits: MoleculeLimits) -> ReadUnit:
    graph, dropped = read_smiles(smiles, limits)
    seen = survey(graph, smiles)
    if seen.has_queries:
        raise InvalidMaterialError(
            f"{shown(smiles)} is a pattern of several units: give one unit", reason=MoleculeRefusal.QUERY
        )
    if seen.n_wildcards != 2:
        raise InvalidMaterialError(
            f"{shown(smiles)} has {seen.n_wildcards} open ends (*), and a repeat unit has two: mark where it is "
            "joined to the next one, as in *CC(*)C; networks and ladders cannot be read",
            reason=MoleculeRefusal.WILDCARD_COUNT,
        )
    _check_ends(graph, smiles)
    graph, changes = sanitized(graph, seen, smiles)
    check_charges(graph, smiles)
    unit, n_repeats = canonical_unit(graph)
    told = dropped + seen.repairs + changes + separated_charges(unit.key, smiles)
    if n_repeats > 1:
        told += (Repair(PolymerRepair.SHORTENED_UNIT, f"{n_repeats} repeats of {unit.key} were taken for one"),)
    return ReadUnit(unit, n_repeats, told)


def _check_ends(graph: Chem.Mol, smiles: str) -> None:
    ends = open_ends(graph)
    neighbours = [neighbour for end in ends for neighbour in end.GetNeighbors()]
    if any(end.GetDegree() != 1 for end in ends) or any(not atom.GetAtomicNum() for atom in neighbours):
        raise refusal(
            PolymerRefusal.MALFORMED_END,
            f"{shown(smiles)} has an open end (*) that is not at the end of a bond from an atom: give *CC*, not C*C",
        )
    kinds = {end.GetBonds()[0].GetBondType() for end in ends}
    if len(kinds) != 1 or kinds == {Chem.BondType.AROMATIC}:
        raise refusal(
            PolymerRefusal.ENDS_DO_NOT_FIT,
            f"{shown(smiles)} has ends with different bonds: give both the same order, as in *C=C*",
        )
