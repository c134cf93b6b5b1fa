"""Measured costs of the served path: what ``python -m loadtest.growth`` writes and the package ships."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

FORMAT_VERSION = 1
_ENSEMBLE = "ensemble"


class CapacityError(ValueError):
    """What is asked cannot be answered from what was measured; one line says why and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """Processor milliseconds a structure as a line over the atoms of its cell."""

    fixed_ms: float
    ms_an_atom: float

    def at(self, atoms: float) -> float:
        """Milliseconds for a cell of so many atoms."""
        return self.fixed_ms + self.ms_an_atom * atoms


@dataclass(frozen=True, slots=True)
class MeasuredCosts:
    """Costs on one machine, with how wrong they are.

    Attributes:
        cold: By role of the server's processes (``intake``, ``ensemble``, ``gateway``, ...), for new crystals.
        warm: The same for crystals that the cache knows.
        client: Of the client, which may run elsewhere.
        busy_share: Of the cores' time that other work left, what stack and client used together while kept busy.
        error_share: Mean relative error of the total on sizes that the lines were not fitted on.
        worst_error_share: The largest of these errors.
        mix_error_share: Relative error for a sample of crystals of all sizes as they come.
        atoms: Fewest and most atoms a cell that were measured.
        machine: Processor, number of cores, and the load that other work put on them before.
        commit: Of the code that was measured.
        n_cores: Cores of that machine.
    """

    cold: Mapping[str, Line]
    warm: Mapping[str, Line]
    client: Line
    busy_share: float
    error_share: float
    worst_error_share: float
    mix_error_share: float
    atoms: tuple[float, float]
    machine: str
    commit: str
    measured_at: str
    n_cores: int

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "MeasuredCosts":
        """What ``as_record`` gave. Raises ValueError where it is of another format."""
        if record.get("format_version") != FORMAT_VERSION:
            raise ValueError(f"costs of format {record.get('format_version')}, not {FORMAT_VERSION}: measure again")
        plain = {name: value for name, value in record.items() if name != "format_version"}
        lines = {kind: {role: Line(**line) for role, line in record[kind].items()} for kind in ("cold", "warm")}
        fewest, most = record["atoms"]
        return cls(**{**plain, **lines, "client": Line(**record["client"]), "atoms": (fewest, most)})

    def as_record(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        names = ("busy_share", "error_share", "worst_error_share", "mix_error_share", "machine", "commit")
        return {
            "format_version": FORMAT_VERSION,
            **{name: getattr(self, name) for name in (*names, "measured_at", "n_cores")},
            "atoms": list(self.atoms),
            "cold": {role: _record(line) for role, line in self.cold.items()},
            "warm": {role: _record(line) for role, line in self.warm.items()},
            "client": _record(self.client),
        }

    def server_ms(self, atoms: float, cached_share: float) -> float:
        """Core milliseconds of the server's processes a structure."""
        cold, warm = (sum(line.at(atoms) for line in lines.values()) for lines in (self.cold, self.warm))
        return (1 - cached_share) * cold + cached_share * warm

    def network_ms(self, atoms: float, cached_share: float) -> float:
        """The part of it that an accelerator could take over: ensemble replicas, for crystals that are new."""
        return (1 - cached_share) * self.cold[_ENSEMBLE].at(atoms)


def read_costs(path: Path | None = None) -> MeasuredCosts:
    """Those of a file, or of the package. Raises CapacityError where there are none to read."""
    file = path or costs_file()
    try:
        return MeasuredCosts.from_record(json.loads(file.read_text()))
    except FileNotFoundError as error:
        raise CapacityError(f"no costs in {file}: measure them with python -m loadtest.growth") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CapacityError(f"{file} holds no measured costs: {error}") from error


def costs_file() -> Path:
    """Where the shipped costs lie."""
    return Path(str(files("epitaxy.capacity") / "measured_costs.json"))


def _record(line: Line) -> dict[str, float]:
    return {"fixed_ms": round(line.fixed_ms, 5), "ms_an_atom": round(line.ms_an_atom, 6)}
