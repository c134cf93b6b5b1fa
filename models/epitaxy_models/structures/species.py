"""Chemical species as files write them: ``Fe3+``, ``O2-``, ``D``, ``Fe_pv``, the label ``Na1``."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.elements import atomic_number_of
from epitaxy_models.structures.intake import RefusalReason, Repair, RepairCode

_CHARGE = r"(?:\d{0,2}(?:\.\d{1,9})?[+-]|[+-]\d{1,2}(?:\.\d{1,9})?)"
_TYPE_SYMBOL = re.compile(rf"([A-Za-z]{{1,2}})({_CHARGE})?")
_LABEL = re.compile(r"([A-Z])([A-Za-z]?)(?![a-z])")
_MAX_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Species:
    """An element and what the file said of it besides."""

    atomic_number: int
    has_charge: bool = False
    is_heavy_hydrogen: bool = False


@lru_cache(maxsize=4096)
def species_of(symbol: str) -> Species | None:
    """The species of an element symbol with an optional charge (any case), None where it is none."""
    match = _TYPE_SYMBOL.fullmatch(symbol)
    name = match[1].capitalize() if match else ""
    number = atomic_number_of(name)
    if match is None or number is None:
        return None
    return Species(number, has_charge=bool(match[2]), is_heavy_hydrogen=name in {"D", "T"})


def species_of_label(label: str, expected: Collection[int] = ()) -> Species | None:
    """The species that a site label begins with: ``Na1``, ``O2A``, ``OW``; None where it is none or unclear.

    ``NA1`` may be sodium or nitrogen: ``expected``, the atomic numbers of the file's formula, decides.
    """
    match = _LABEL.match(label)
    if match is None:
        return None
    short, long = species_of(match[1]), species_of(match[1] + match[2].lower())
    if match[2].islower() or not match[2]:
        return long
    fitting = [reading for reading in (short, long) if reading and (not expected or reading.atomic_number in expected)]
    return fitting[0] if len(fitting) == 1 else None


def unknown_element(symbol: str, where: str) -> InvalidStructureError:
    """The refusal of a symbol that names no element."""
    shown = symbol if len(symbol) <= _MAX_SHOWN else f"{symbol[:_MAX_SHOWN]}..."
    return InvalidStructureError(
        f"{where} has the species {shown!r}: give the symbol of an element", reason=RefusalReason.UNKNOWN_ELEMENT
    )


def species_repairs(species: Iterable[Species]) -> tuple[Repair, ...]:
    """What was dropped from the species: oxidation states, isotopes."""
    # By identity: equal texts give the same object, and hashing the fields of each site's costs more than the rest.
    distinct = {id(one): one for one in species}.values()
    repairs = []
    if any(one.has_charge for one in distinct):
        repairs.append(Repair(RepairCode.STRIPPED_OXIDATION_STATES, "oxidation states were dropped from the species"))
    if any(one.is_heavy_hydrogen for one in distinct):
        repairs.append(Repair(RepairCode.DEUTERIUM_AS_HYDROGEN, "deuterium or tritium is treated as hydrogen"))
    return tuple(repairs)
