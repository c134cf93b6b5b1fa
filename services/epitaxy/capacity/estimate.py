"""From a demand to hours, cores and a rate: arithmetic on measured costs, with its assumptions said aloud."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from epitaxy.capacity.costs import CapacityError, MeasuredCosts


@dataclass(frozen=True, slots=True)
class Demand:
    """What is to be screened, on what.

    Attributes:
        structures: How many.
        atoms: A cell on average.
        cores: For the server; None for those of the machine that was measured.
        cached_share: Structures that the cache knows, 0 to 1.
        gpu: Name of an accelerator for the networks; empty for none.
        speedup: Of the networks on it over one core here, as the caller has measured it.
        within_hours: Time allowed; the cores that it takes are then told.
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
                f"no figure was ever measured on {self.gpu} or any other GPU, and this command does not guess: give "
                "--speedup, the networks' speed on it over one core, as you measured it"
            )
        if self.speedup is not None and not self.gpu:
            raise CapacityError("a speed-up is of a GPU: name it with --gpu")


@dataclass(frozen=True, slots=True)
class Estimate:
    """The answer.

    Attributes:
        core_ms: Core milliseconds of the server a structure.
        gpu_ms: Milliseconds of the GPU a structure; 0 without one.
        client_ms: Core milliseconds of the client a structure, on whatever machine it runs.
        network_share: Part of the work that the networks are, were it all done by cores.
        limited_by: ``cores`` or ``gpu``.
        hours_low: With the cost as much lower as the model has erred.
        hours_high: With the cost as much higher.
        cores_needed: For ``within_hours``; None where it was not asked, or where the GPU alone is too slow.
        remarks: What was assumed, a sentence each.
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
        """Plain containers, for JSON."""
        return {**asdict(self), "remarks": list(self.remarks)}


def estimate(demand: Demand, costs: MeasuredCosts) -> Estimate:
    """What a demand takes."""
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
    """The larger of what the model erred on sizes kept back and on a natural mix of sizes; 1 at most."""
    return min(1.0, max(costs.error_share, costs.mix_error_share))


def _cores_for(demand: Demand, core_ms: float, gpu_rate: float, costs: MeasuredCosts) -> int | None:
    if demand.within_hours is None or demand.structures / gpu_rate > 3600 * demand.within_hours:
        return None
    return math.ceil(demand.structures * core_ms / 1e3 / (demand.within_hours * 3600 * costs.busy_share))


def _remarks(demand: Demand, cores: int, costs: MeasuredCosts) -> list[str]:
    mean, worst, mix = (
        f"{100 * error:.0f} %" for error in (costs.error_share, costs.worst_error_share, costs.mix_error_share)
    )
    said = [
        f"measured on {costs.machine}, commit {costs.commit}, {costs.measured_at[:10]}",
        f"the model erred by {mean} on average and {worst} at worst on cell sizes that it was not fitted on, and by "
        f"{mix} on a natural mix of sizes; another processor costs otherwise",
        "the client runs elsewhere: its cost is not in the time",
    ]
    if cores != costs.n_cores or demand.within_hours is not None:
        said.append(f"beyond {costs.n_cores} cores a straight line is assumed, with replicas by cores: not measured")
    fewest, most = costs.atoms
    if not fewest <= demand.atoms <= most:
        said.append(f"{demand.atoms:g} atoms a cell lie outside of what was measured, {fewest:g} to {most:g}")
    if demand.gpu:
        said.append(f"the speed-up of {demand.speedup:g} on one {demand.gpu} is yours: it was not measured here")
    return said
