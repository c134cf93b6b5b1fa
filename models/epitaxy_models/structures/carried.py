"""What formats carry along with a crystal, and the one policy for it at every door (docs/inputs.md has the table).

Cells that are not periodic in three directions and sites that are partly occupied are refused. Charges and magnetic
moments do not change which crystal is meant: they are dropped and noted, a net charge of the cell as a doubt.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.intake import Note, NoteCode, RefusalReason

OCCUPANCY_TOLERANCE = 1e-3
# Sums of computed site charges differ from zero by their rounding.
_NEUTRAL = 0.05
# The smallest charge or moment worth a word: programs write 1e-17 for zero.
_SMALLEST = 1e-4


def check_periodic(flags: Iterable[object], what: str = "pbc") -> None:
    """Raise InvalidStructureError (NOT_PERIODIC) unless all flags are true."""
    periodic = [bool(flag) for flag in flags]
    if not all(periodic):
        shown = " ".join("T" if flag else "F" for flag in periodic)[:40]
        raise InvalidStructureError(
            f'{what}="{shown}" is no crystal in three dimensions: set it to "T T T" if the vacuum in the cell is meant',
            reason=RefusalReason.NOT_PERIODIC,
        )


def carried_notes(net_charge: object = None, site_charges: object = None, moments: object = None) -> tuple[Note, ...]:
    """What was dropped: a net charge, charges of sites, magnetic moments; values of any nesting, None for absent."""
    notes = []
    if any(abs(value) > _NEUTRAL for value in _numbers_in(net_charge)):
        text = f"a net charge of {next(iter(_numbers_in(net_charge))):g} was dropped: the models know neutral crystals"
        notes.append(Note(NoteCode.DROPPED_NET_CHARGE, text))
    if any(abs(value) > _SMALLEST for value in _numbers_in(site_charges)):
        notes.append(Note(NoteCode.DROPPED_SITE_CHARGES, "charges of the sites were dropped"))
    if any(abs(value) > _SMALLEST for value in _numbers_in(moments)):
        notes.append(Note(NoteCode.DROPPED_MAGNETISM, "magnetic moments were dropped"))
    return tuple(notes)


def check_occupancies(values: Iterable[object]) -> None:
    """Raise InvalidStructureError (PARTIAL_OCCUPANCY) unless every site's occupancy is one."""
    for index, value in enumerate(values):
        if not is_full(value):
            raise InvalidStructureError(
                f"site {index + 1} has occupancy {str(value)[:20]}: send an ordered approximant, each site full",
                reason=RefusalReason.PARTIAL_OCCUPANCY,
            )


def check_ase_occupancy(occupancy: object, kinds: Sequence[object] | None) -> None:
    """Raise InvalidStructureError (PARTIAL_OCCUPANCY) for a mixed or partly empty kind of site.

    ASE keeps the occupancies of a CIF in ``info["occupancy"]`` by kind of site, the kinds in the array
    ``spacegroup_kinds``, and the element with the largest share as the atom itself.
    """
    if isinstance(occupancy, str):
        occupancy = _json_of(occupancy)
    if not isinstance(occupancy, Mapping):
        return
    used = None if kinds is None else {str(kind) for kind in kinds}
    for kind, shares in occupancy.items():
        if (used is not None and str(kind) not in used) or not isinstance(shares, Mapping):
            continue
        if len(shares) != 1 or not is_full(next(iter(shares.values()))):
            held = ", ".join(f"{symbol} {share}" for symbol, share in list(shares.items())[:4])
            raise InvalidStructureError(
                f'sites of kind {str(kind)[:10]} hold {held[:80]} (info["occupancy"]): send an ordered approximant, '
                "one element a site",
                reason=RefusalReason.PARTIAL_OCCUPANCY,
            )


def is_full(occupancy: object) -> bool:
    """Whether an occupancy is the number one."""
    return isinstance(occupancy, int | float | np.number) and abs(float(occupancy) - 1) <= OCCUPANCY_TOLERANCE


def _json_of(text: str) -> Any:
    """The value of the JSON that ASE writes behind ``_JSON``, its quotes escaped; None if it is none."""
    plain = re.sub(r"^_JSON\s*", "", text.strip()).replace('\\"', '"')
    try:
        return json.loads(plain)
    except (ValueError, RecursionError):
        return None


def _numbers_in(value: object) -> list[float]:
    """All finite numbers in a value, however deep; texts that spell numbers count."""
    try:
        flat = np.asarray(value, dtype=np.float64).ravel() if value is not None else np.empty(0)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return _numbers_of_mixed(value)
    return list(map(float, flat[np.isfinite(flat)]))


def _numbers_of_mixed(value: object) -> list[float]:
    if isinstance(value, Mapping):
        # pymatgen's Magmom: {"moment": [..] or number, "saxis": [...]}.
        return _numbers_in(value.get("moment"))
    if isinstance(value, list | tuple):
        return [number for one in value for number in (_numbers_in(one) if one is not value else ())]
    return []
