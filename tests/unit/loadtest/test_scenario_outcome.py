from collections import Counter

import pytest

from loadtest.scenario.config import Threshold
from loadtest.scenario.outcome import Call, MemorySample, PhaseOutcome, judged


def phase(*calls: Call, seconds: float = 10.0, **settings: object) -> PhaseOutcome:
    return PhaseOutcome("one", seconds, list(calls), **settings)


def limit(metric: str, **limits: object) -> Threshold:
    return Threshold(phase="one", metric=metric, **limits)


def verdict(outcome: PhaseOutcome, threshold: Threshold, *, is_local: bool = True) -> bool:
    return judged([threshold], [outcome], is_local=is_local)[0].passes


def test_latency_counts_from_the_time_at_which_a_request_should_have_been_sent() -> None:
    held_back = Call(intended=1.0, sent=3.0, done=3.1, answered=1)
    metrics = phase(held_back).metrics()
    assert metrics["latency_p99_ms"] == pytest.approx(2100)
    assert metrics["service_time_p99_ms"] == pytest.approx(100)
    assert metrics["late_share"] == 1.0


@pytest.mark.parametrize(
    ("limits", "passes"),
    [({"at_most": 30}, True), ({"at_most": 29}, False), ({"at_least": 30}, True), ({"at_least": 31}, False)],
)
def test_a_threshold_fails_on_the_wrong_side_of_its_limit(limits: dict[str, float], passes: bool) -> None:
    outcome = phase(Call(0, 0, 0.1, answered=300))
    assert verdict(outcome, limit("structures_per_second", **limits)) is passes


def test_one_failed_structure_breaks_a_limit_of_none() -> None:
    outcome = phase(Call(0, 0, 0.1, answered=999), Call(0, 0, 0.1, failed=1, error="UNAVAILABLE"))
    assert not verdict(outcome, limit("failed_share", at_most=0))
    assert outcome.as_record()["errors"] == {"UNAVAILABLE": 1}


def test_what_was_not_observed_passes_no_threshold() -> None:
    assert not verdict(phase(), limit("latency_p99_ms", at_most=1000))
    assert not verdict(phase(Call(0, 0, 1, answered=1)), limit("memory_mib_per_100k", at_most=1000))


def test_a_figure_of_this_machine_is_not_judged_on_another() -> None:
    threshold = limit("structures_per_second", at_least=1e9, local_only=True)
    judgement = judged([threshold], [phase()], is_local=False)[0]
    assert judgement.passes
    assert judgement.as_record()["verdict"] == "not judged"


def test_growth_of_memory_counts_only_after_the_caches_have_filled() -> None:
    samples = [
        MemorySample(1000 * step, step / 20, Counter({"intake": 100 + (50 if step >= 10 else 5 * step), "redis": 20.0}))
        for step in range(21)
    ]
    assert phase(memory=samples, memory_after=0.5).metrics()["memory_mib_per_100k"] == pytest.approx(0)
    assert phase(memory=samples, memory_after=0.0).metrics()["memory_mib_per_100k"] > 100


def test_a_starved_tenant_shows() -> None:
    calls = [Call(0, 0, 1, answered=90, tenant=0), Call(0, 0, 1, answered=10, tenant=1)]
    assert phase(*calls, n_tenants=2).metrics()["slowest_tenant_share"] == pytest.approx(0.2)
    assert phase(*calls[:1], n_tenants=2).metrics()["slowest_tenant_share"] == 0
