"""From a demand to hours, cores and a rate: arithmetic on measured costs, with its assumptions stated."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from epitaxy.capacity.costs import CapacityError, MeasuredCosts


@dataclass(frozen=True, slots=True)
class Demand:
    """A screening, and the machine for it.

    Attributes:
        structures: Number of structures.
        atoms: Average number of atoms per cell.
        cores: Cores of the server; None for the number of the measured machine.
        cached_share: Share of the structures that are cached, 0 to 1.
        gpu: Name of an accelerator for the networks; empty for none.
        speedup: Speed of the networks on it relative to one measured core, as the caller has measured it.
        within_hours: Time limit, in hours; the estimate then has the number of cores needed.
    """

    structures: int
    atoms: float = 30.0
    cores: int | None = None
    cached_share: float = 0.0
    gpu: str = ""
    speedup: float | None = None
    within_hours: float | None = None

    def __post_init__(self) -> None:
        if self.structures < 1 or self.atoms <= 0 or not 0 <= self.cached_share <= 1:
            raise CapacityError("give one structure or more, a positive number of atoms, and a cached share of 0 to 1")
        if self.cores is not None and self.cores < 1:
            raise CapacityError("give one core or more")
        if self.speedup is not None and self.speedup <= 0:
            raise CapacityError("give a positive speed-up")
        if self.within_hours is not None and self.within_hours <= 0:
            raise CapacityError("give a positive number of hours")
        if self.gpu and self.speedup is None:
            raise CapacityError(
                f"no cost was measured on {self.gpu} or any other GPU, and this command does not guess: give "
                "--speedup, the networks' speed on it relative to one core, as you measured it"
            )
        if self.speedup is not None and not self.gpu:
            raise CapacityError("--speedup needs the name of the GPU: give --gpu")


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time and cores for a demand.

    Attributes:
        core_ms: Core milliseconds of the server per structure.
        gpu_ms: Milliseconds of the GPU per structure; 0 without a GPU.
        client_ms: Core milliseconds of the client per structure, on the machine on which it runs.
        network_share: Share of the networks in all work, if cores do all of it.
        limited_by: ``cores`` or ``gpu``.
        hours_low: Hours if the cost is lower by the model's error.
        hours_high: Hours if the cost is higher by the model's error.
        cores_needed: Cores needed for ``within_hours``; None without that limit, or if the GPU alone is too slow.
        remarks: The assumptions, one sentence each.
    """

    cores: int
    core_ms: float
    gpu_ms: float
    client_ms: float
    network_share: float
    structures_per_second: float
    limited_by: str
    hours: float
    hours_low: float
    hours_high: float
    cores_needed: int | None
    remarks: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        """Converts to plain containers, for JSON."""
        return {**asdict(self), "remarks": list(self.remarks)}


def estimate(demand: Demand, costs: MeasuredCosts) -> Estimate:
    """Estimates the time and the cores for a demand."""
    cores = demand.cores or costs.n_cores
    whole = costs.server_ms(demand.atoms, demand.cached_share)
    network = costs.network_ms(demand.atoms, demand.cached_share)
    core_ms = whole - network if demand.speedup else whole
    gpu_ms = network / demand.speedup if demand.speedup else 0.0
    rates = {"cores": cores * costs.busy_share * 1e3 / core_ms, "gpu": 1e3 / gpu_ms if gpu_ms else math.inf}
    limited_by = min(rates, key=lambda name: rates[name])
    hours, error = demand.structures / rates[limited_by] / 3600, error_of(costs)
    return Estimate(
        cores=cores,
        core_ms=core_ms,
        gpu_ms=gpu_ms,
        client_ms=costs.client.at(demand.atoms),
        network_share=network / whole,
        structures_per_second=rates[limited_by],
        limited_by=limited_by,
        hours=hours,
        hours_low=hours * (1 - error),
        hours_high=hours * (1 + error),
        cores_needed=_cores_for(demand, core_ms, rates["gpu"], costs),
        remarks=tuple(_remarks(demand, cores, costs)),
    )


def error_of(costs: MeasuredCosts) -> float:
    """Relative error of the model: the larger of those on held-out sizes and on a natural mix of sizes; 1 at most."""
    return min(1.0, max(costs.error_share, costs.mix_error_share))


def _cores_for(demand: Demand, core_ms: float, gpu_rate: float, costs: MeasuredCosts) -> int | None:
    if demand.within_hours is None or demand.structures / gpu_rate > 3600 * demand.within_hours:
        return None
    return math.ceil(demand.structures * core_ms / 1e3 / (demand.within_hours * 3600 * costs.busy_share))


def _remarks(demand: Demand, cores: int, costs: MeasuredCosts) -> list[str]:
    mean, worst, mix = (
        f"{100 * error:.0f} %" for error in (costs.error_share, costs.worst_error_share, costs.mix_error_share)
    )
    remarks = [
        f"measured on {costs.machine}, commit {costs.commit}, {costs.measured_at[:10]}",
        f"the model's error is {mean} on average and {worst} at worst on cell sizes that it was not fitted on, and "
        f"{mix} on a natural mix of sizes; costs differ on other processors",
        "the time does not include the client, which is assumed to run on another machine",
    ]
    if cores != costs.n_cores or demand.within_hours is not None:
        remarks.append(
            f"beyond {costs.n_cores} cores the rate is assumed to grow in proportion to them: this was not measured"
        )
    fewest, most = costs.atoms
    if not fewest <= demand.atoms <= most:
        remarks.append(f"{demand.atoms:g} atoms per cell are outside the measured range, {fewest:g} to {most:g}")
    if demand.gpu:
        remarks.append(f"the speed-up of {demand.speedup:g} on one {demand.gpu} is your own figure, not measured here")
    return remarks
