"""What was to be reached, and whether it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.spread import Spread, percentile, ratios

Rates = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Target:
    """One figure to reach.

    Attributes:
        at_least: True where more is better.
        aim: Beyond the limit; None where there is none.
    """

    name: str
    unit: str
    limit: float
    found: Spread | None
    at_least: bool = True
    aim: float | None = None

    @property
    def verdict(self) -> str:
        """``met``, ``missed`` or ``not measured``, judged by the median."""
        if self.found is None:
            return "not measured"
        if self._reaches(self.limit):
            return "met, aim too" if self.aim is not None and self._reaches(self.aim) else "met"
        return "missed"

    def as_record(self) -> dict[str, Any]:
        found = None if self.found is None else self.found.as_record()
        return {
            "name": self.name,
            "unit": self.unit,
            "limit": self.limit,
            "aim": self.aim,
            "at_least": self.at_least,
        } | {
            "found": found,
            "verdict": self.verdict,
        }

    def _reaches(self, value: float) -> bool:
        assert self.found is not None
        return self.found.median >= value if self.at_least else self.found.median <= value


def judged(rates: Rates, latencies_ms: Sequence[float]) -> list[Target]:
    """All targets; what was not measured is in the list as well."""
    cif, packed = "served, CIF, cold", "served, packed, cold"
    in_process = "in process, workers by cores, {}, cold".format
    return [
        Target("served from CIF, cold, over PyG from CIF", "x", 8, _ratio(rates, cif, "PyG CGCNN x5, CIF"), aim=20),
        Target(
            "served packed, cold, over PyG from Structure",
            "x",
            5,
            _ratio(rates, packed, "PyG CGCNN x5, Structure"),
            aim=10,
        ),
        Target("served over in process, CIF", "x", 0.7, _ratio(rates, cif, in_process("CIF"))),
        Target("served over in process, packed", "x", 0.7, _ratio(rates, packed, in_process("packed"))),
        Target("served packed, warm over cold", "x", 5, _ratio(rates, "served, packed, warm", packed)),
        Target("served from CIF, warm over cold", "x", 5, _ratio(rates, "served, CIF, warm", cif)),
        Target("molecules, cold", "1/s", 3000, _rate(rates, "served, molecules, cold")),
        Target("compositions, cold", "1/s", 3000, _rate(rates, "served, compositions, cold")),
        Target("single warm Predict, p50", "ms", 20, _quantile(latencies_ms, 0.5), at_least=False),
        Target("single warm Predict, p99", "ms", 60, _quantile(latencies_ms, 0.99), at_least=False),
    ]


def _rate(rates: Rates, name: str) -> Spread | None:
    return Spread.of(rates[name]) if name in rates else None


def _ratio(rates: Rates, over: str, under: str) -> Spread | None:
    return ratios(rates[over], rates[under]) if over in rates and under in rates else None


def _quantile(values: Sequence[float], share: float) -> Spread | None:
    """A percentile has no spread over rounds: it stands for itself."""
    if not values:
        return None
    found = percentile(values, share)
    return Spread(found, found, found, len(values))
