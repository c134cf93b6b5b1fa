"""The table of measured crystals: ``facts.csv`` and, for every key it cites, ``sources.csv``.

Lengths are those of the conventional cell near 300 K (where a ``name`` gives a temperature, there), to 0.001 Angstrom;
coordinates of isostructural compounds that nobody refined are the ideal ones. Gaps are fundamental gaps where the
experiment tells an indirect from a direct one, else optical gaps.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from epitaxy_models.errors import ConfigurationError

_LENGTHS = ("a_angstrom", "b_angstrom", "c_angstrom")
_ANGLES = ("alpha_deg", "beta_deg", "gamma_deg")
_FORMULA_TERM = re.compile(r"([A-Z][a-z]?)(\d*)")


@dataclass(frozen=True, slots=True)
class CrystalFact:
    """One row of the table: what was measured on one compound in one structure.

    Attributes:
        formula: Integer formula without brackets, as people write it: ``"CuInSe2"``.
        name: Mineral or common name, may be empty.
        prototype: Name of the structure type.
        elements: Symbols that fill the prototype's slots A, B, C and so on.
        cell: a, b, c in Angstrom, then alpha, beta, gamma in degrees, of the conventional cell.
        parameters: Free coordinates of the prototype, fractional.
        measured_band_gap_ev: Measured band gap, eV, near 300 K; 0 for metals, None if the table has none.
        band_gap_source: Key of the gap's source, empty if there is no gap.
        lattice_source: Key of the lattice's source.
    """

    formula: str
    name: str
    prototype: str
    elements: tuple[str, ...]
    cell: tuple[float, float, float, float, float, float]
    parameters: Mapping[str, float]
    measured_band_gap_ev: float | None
    band_gap_source: str
    lattice_source: str

    def __post_init__(self) -> None:
        if min(self.cell) <= 0:
            raise ConfigurationError(f"{self.identifier}: cell {self.cell} must be positive", reason="BAD_CRYSTAL_FACT")
        if (self.measured_band_gap_ev is None) != (not self.band_gap_source):
            raise ConfigurationError(
                f"{self.identifier}: a gap needs a source and a source a gap", reason="BAD_CRYSTAL_FACT"
            )

    @property
    def identifier(self) -> str:
        """``formula-prototype``: unique in the table, and the file's stem."""
        return f"{self.formula}-{self.prototype}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of the lattice's and, where there is one, the gap's source."""
        return tuple(key for key in (self.lattice_source, self.band_gap_source) if key)


def element_counts(formula: str) -> Counter[str]:
    """Atoms by symbol in a formula without brackets."""
    counts: Counter[str] = Counter()
    for symbol, number in _FORMULA_TERM.findall(formula):
        counts[symbol] += int(number or 1)
    return counts


def read_facts() -> tuple[CrystalFact, ...]:
    """Every row of the table, in its order. Raises ConfigurationError for a contradictory row."""
    return tuple(_fact(row) for row in _rows("facts.csv"))


def read_sources() -> Mapping[str, str]:
    """Citation by source key."""
    return MappingProxyType({row["key"]: row["citation"] for row in _rows("sources.csv")})


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _fact(row: dict[str, str]) -> CrystalFact:
    a, b, c, alpha, beta, gamma = (float(row[column]) for column in _LENGTHS + _ANGLES)
    gap = row["band_gap_measured_ev"]
    return CrystalFact(
        formula=row["formula"],
        name=row["name"],
        prototype=row["prototype"],
        elements=tuple(row["elements"].split()),
        cell=(a, b, c, alpha, beta, gamma),
        parameters=MappingProxyType(_parameters(row["parameters"])),
        measured_band_gap_ev=float(gap) if gap else None,
        band_gap_source=row["band_gap_source"],
        lattice_source=row["lattice_source"],
    )


def _parameters(text: str) -> dict[str, float]:
    pairs = (pair.split("=") for pair in text.split())
    return {name: float(value) for name, value in pairs}
