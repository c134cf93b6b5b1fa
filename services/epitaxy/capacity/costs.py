"""Measured costs of the served path, as written by ``python -m loadtest.growth`` and shipped with the package."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

FORMAT_VERSION = 1
_ENSEMBLE = "ensemble"


class CapacityError(ValueError):
    """The measured costs cannot answer the question. The message says why, and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Line:
    """Processor milliseconds per structure, as a linear function of the atoms in its cell."""

    fixed_ms: float
    ms_an_atom: float

    def at(self, atoms: float) -> float:
        """Milliseconds for a cell with this many atoms."""
        return self.fixed_ms + self.ms_an_atom * atoms


@dataclass(frozen=True, slots=True)
class MeasuredCosts:
    """Costs on one machine, and their errors.

    Attributes:
        cold: Cost of new crystals per role of the server's processes (``intake``, ``ensemble``, ``gateway``, ...).
        warm: The same for cached crystals.
        client: Cost of the client, which may run on another machine.
        busy_share: Share of the available core time that the stack and the client used together while kept busy.
            Core time that other work used is not available.
        error_share: Mean relative error of the total cost on cell sizes that the lines were not fitted on.
        worst_error_share: Largest of these errors.
        mix_error_share: Relative error for a sample of crystals with a natural mix of sizes.
        atoms: Smallest and largest measured number of atoms per cell.
        machine: Processor, number of cores, and their load from other work before the measurement.
        commit: Commit of the measured code.
        n_cores: Number of cores of the machine.
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
        """Reads the output of ``as_record``. Raises ValueError if it has another format."""
        if record.get("format_version") != FORMAT_VERSION:
            raise ValueError(
                f"the format of the costs is {record.get('format_version')}, not {FORMAT_VERSION}: measure again"
            )
        plain = {name: value for name, value in record.items() if name != "format_version"}
        lines = {kind: {role: Line(**line) for role, line in record[kind].items()} for kind in ("cold", "warm")}
        fewest, most = record["atoms"]
        return cls(**{**plain, **lines, "client": Line(**record["client"]), "atoms": (fewest, most)})

    def as_record(self) -> dict[str, Any]:
        """Converts to plain containers, for JSON."""
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
        """Core milliseconds of the server's processes per structure."""
        cold, warm = (sum(line.at(atoms) for line in lines.values()) for lines in (self.cold, self.warm))
        return (1 - cached_share) * cold + cached_share * warm

    def network_ms(self, atoms: float, cached_share: float) -> float:
        """The part of it that an accelerator could take over: the networks, which only new crystals need."""
        return (1 - cached_share) * self.cold[_ENSEMBLE].at(atoms)


def read_costs(path: Path | None = None) -> MeasuredCosts:
    """Reads the costs in a file, or those of the package. Raises CapacityError if they cannot be read."""
    file = path or costs_file()
    try:
        return MeasuredCosts.from_record(json.loads(file.read_text()))
    except FileNotFoundError as error:
        raise CapacityError(f"no costs in {file}: measure them with python -m loadtest.growth") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CapacityError(f"{file} does not hold measured costs: {error}") from error


def costs_file() -> Path:
    """Path of the shipped costs."""
    return Path(str(files("epitaxy.capacity") / "measured_costs.json"))


def _record(line: Line) -> dict[str, float]:
    return {"fixed_ms": round(line.fixed_ms, 5), "ms_an_atom": round(line.ms_an_atom, 6)}
