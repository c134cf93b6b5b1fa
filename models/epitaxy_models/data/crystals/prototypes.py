"""Structure types: a space group, and sites whose free coordinates a compound fills in.

``prototypes.csv`` holds them. Coordinates and origins follow the settings in which the types were published, under
the Hermann-Mauguin names that gemmi uses (``:1``/``:2`` origin choice, ``:H`` hexagonal axes). Sources: Wyckoff,
Crystal Structures (1963 to 1965); Villars & Calvert, Pearson's Handbook (1991).
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

_NUMBER = re.compile(r"(?P<top>\d+)(?:/(?P<bottom>\d+))?")
_TERM = re.compile(r"(?P<sign>-?)(?P<factor>\d?)(?P<name>[a-z][0-9]?)")


@dataclass(frozen=True, slots=True)
class PrototypeSite:
    """One orbit of equivalent sites.

    Attributes:
        slot: Letter of the element that sits here: ``A`` is the first of the compound's elements.
        coordinates: Three terms, each a fraction (``1/4``) or a free parameter (``u``, ``-x``, ``2x``).
    """

    slot: str
    coordinates: tuple[str, str, str]

    def position(self, parameters: Mapping[str, float]) -> tuple[float, float, float]:
        """Fractional coordinates. Raises KeyError for a parameter without a value."""
        x, y, z = (_value(term, parameters) for term in self.coordinates)
        return x, y, z


@dataclass(frozen=True, slots=True)
class Prototype:
    """A structure type: everything about a crystal but its elements, cell lengths and free coordinates."""

    name: str
    space_group: str
    sites: tuple[PrototypeSite, ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """Letters of the elements, in order."""
        return tuple(sorted({site.slot for site in self.sites}))

    @property
    def parameter_names(self) -> frozenset[str]:
        """Names of the free coordinates."""
        terms = (term for site in self.sites for term in site.coordinates)
        return frozenset(match["name"] for term in terms if (match := _TERM.fullmatch(term)))


def _value(term: str, parameters: Mapping[str, float]) -> float:
    if number := _NUMBER.fullmatch(term):
        return int(number["top"]) / int(number["bottom"] or 1)
    match = _TERM.fullmatch(term)
    if match is None:
        raise ValueError(f"coordinate {term!r} is neither a fraction nor a free parameter")
    return (-1 if match["sign"] else 1) * int(match["factor"] or 1) * parameters[match["name"]]


def _read_prototypes() -> Mapping[str, Prototype]:
    text = files(__package__).joinpath("prototypes.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return MappingProxyType({row["name"]: _prototype(row) for row in rows})


def _prototype(row: Mapping[str, str]) -> Prototype:
    return Prototype(row["name"], row["space_group"], tuple(_site(text) for text in row["sites"].split(";")))


def _site(text: str) -> PrototypeSite:
    slot, x, y, z = text.split()
    return PrototypeSite(slot, (x, y, z))


PROTOTYPES = _read_prototypes()
