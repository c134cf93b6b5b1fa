"""What became of each request, and the metrics of a phase."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.scenario.config import Threshold
from loadtest.spread import percentile, slope

# A request that left this much after its time: the load generator, or its window, held it back.
_LATE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        intended: When it should have been sent, seconds from the phase's start. In a closed loop, when it was.
        sent: When it was.
        done: When its last answer came, or it failed.
        answered: Structures with a prediction.
        refused: Structures that the server will not answer, whoever asks.
        failed: Structures that should have been answered and were not.
        hits: Answers that came from the cache.
        error: Stable reason of the whole call's failure.
    """

    intended: float
    sent: float
    done: float
    answered: int = 0
    refused: int = 0
    failed: int = 0
    hits: int = 0
    tenant: int = 0
    error: str = ""

    @property
    def latency(self) -> float:
        """What a user has waited: from the time at which the request should have been sent."""
        return self.done - self.intended


@dataclass(frozen=True, slots=True)
class MemorySample:
    """Resident memory of the stack after so many structures, MiB by role."""

    structures: int
    share_of_phase: float
    by_role: Counter[str]


@dataclass(slots=True)
class PhaseOutcome:
    """All calls of a phase."""

    name: str
    seconds: float = 0.0
    calls: list[Call] = field(default_factory=list)
    memory: list[MemorySample] = field(default_factory=list)
    memory_after: float = 0.5
    n_tenants: int = 1

    @property
    def answered(self) -> int:
        return sum(call.answered for call in self.calls)

    def metrics(self) -> dict[str, float]:
        """By name; what was not observed is left out."""
        sent = sum(call.answered + call.refused + call.failed for call in self.calls)
        found: dict[str, float] = {
            "structures_per_second": self.answered / max(self.seconds, 1e-9),
            "requests_per_second": len(self.calls) / max(self.seconds, 1e-9),
            "failed_share": sum(call.failed for call in self.calls) / max(sent, 1),
            "refused_share": sum(call.refused for call in self.calls) / max(sent, 1),
            "cache_hit_share": sum(call.hits for call in self.calls) / max(self.answered, 1),
        }
        return found | self._latencies() | self._memory() | self._tenants()

    def _latencies(self) -> dict[str, float]:
        if not self.calls:
            return {}
        waits = [1e3 * call.latency for call in self.calls]
        late = sum(call.sent - call.intended > _LATE_SECONDS for call in self.calls)
        return {
            "latency_p50_ms": percentile(waits, 0.5),
            "latency_p99_ms": percentile(waits, 0.99),
            "latency_max_ms": max(waits),
            "service_time_p99_ms": percentile([1e3 * (call.done - call.sent) for call in self.calls], 0.99),
            "late_share": late / len(self.calls),
        }

    def _memory(self) -> dict[str, float]:
        settled = [sample for sample in self.memory if sample.share_of_phase >= self.memory_after]
        if len(settled) < 5:
            return {}
        counts = [sample.structures for sample in settled]
        return {"memory_mib_per_100k": 1e5 * slope(counts, [sample.by_role.total() for sample in settled])}

    def _tenants(self) -> dict[str, float]:
        """Structures of the worst-off tenant over an even share: 1 is fair, 0 is starved."""
        if self.n_tenants < 2 or not self.answered:
            return {}
        counts = Counter(dict.fromkeys(range(self.n_tenants), 0))
        for call in self.calls:
            counts[call.tenant] += call.answered
        return {"slowest_tenant_share": min(counts.values()) * self.n_tenants / self.answered}

    def as_record(self) -> dict[str, Any]:
        errors = Counter(call.error for call in self.calls if call.error)
        return {
            "seconds": round(self.seconds, 2),
            "requests": len(self.calls),
            "structures_answered": self.answered,
            "metrics": {name: round(value, 4) for name, value in self.metrics().items()},
            "errors": dict(errors),
            "memory_mib": [
                {"structures": sample.structures} | {role: round(size) for role, size in sample.by_role.items()}
                for sample in self.memory
            ],
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """A threshold and what was found; ``found`` is None where nothing was observed, which never passes."""

    threshold: Threshold
    found: float | None
    is_judged: bool

    @property
    def passes(self) -> bool:
        if not self.is_judged:
            return True
        limits = self.threshold
        return (
            self.found is not None
            and (limits.at_least is None or self.found >= limits.at_least)
            and (limits.at_most is None or self.found <= limits.at_most)
        )

    def as_record(self) -> dict[str, Any]:
        verdict = "not judged" if not self.is_judged else "passed" if self.passes else "failed"
        return self.threshold.model_dump(exclude_none=True) | {"found": self.found, "verdict": verdict}


def judged(thresholds: Sequence[Threshold], outcomes: Sequence[PhaseOutcome], *, is_local: bool) -> list[Judgement]:
    """One a threshold; those of this machine alone are not judged on another."""
    metrics = {outcome.name: outcome.metrics() for outcome in outcomes}
    return [
        Judgement(
            threshold, metrics.get(threshold.phase, {}).get(threshold.metric), is_local or not threshold.local_only
        )
        for threshold in thresholds
    ]
