"""What Prometheus is told, from the loop itself."""

import pytest
from campaign_rig import CampaignRig, answered, measured
from prometheus_client import CollectorRegistry

from epitaxy.campaigns.metrics import CampaignCensus, CampaignMetrics
from epitaxy.chassis.errors import UnavailableError


def test_a_loop_is_counted_and_series_exist_before_it(rig: CampaignRig, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    rig.shelf.observer = CampaignMetrics(registry)
    CampaignCensus(registry, rig.log)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"epitaxy_{name}", labels)

    assert value("campaign_tickets_total", outcome="expired") == 0
    assert value("campaigns_active", state="ACTIVE") == 0
    rig.ready(range(60), lease_seconds=60.0)
    batch = rig.recommend(n=30)
    assert value("campaign_pending_tickets") == 30
    samples = [answered(ticket.ticket, float(int(ticket.id[1:]) % 7)) for ticket in batch.tickets[:25]]
    rig.report(*samples, samples[0], measured("nobody", 1.0))
    assert value("campaign_results_total", status="measured", outcome="recorded") == 25
    assert value("campaign_results_total", status="measured", outcome="repeated") == 1
    assert value("campaign_refusals_total", reason="UNKNOWN_CANDIDATE") == 1
    rig.clock.pass_seconds(61)
    second = rig.recommend(n=22)
    assert value("campaign_tickets_total", outcome="expired") == 5
    assert value("campaign_tickets_total", outcome="issued") == 52
    rig.report(*[answered(ticket.ticket, float(int(ticket.id[1:]) % 7)) for ticket in second.tickets])
    n_predicted = sum(len(ticket.predictions) for ticket in second.tickets)
    assert value("campaign_predicted_results_total") == n_predicted
    assert value("campaigns_active", state="ACTIVE") == 1
    assert value("campaign_pool_candidates", state="ready") == 60
    if n_predicted >= 20:
        told = value("campaign_coverage", tenant="acme", campaign="acme/one")
        assert told == value("campaign_covered_results_total") / n_predicted

    def silent():
        raise UnavailableError("the store does not answer")

    monkeypatch.setattr(rig.log, "summaries", silent)
    assert value("campaigns_active", state="ACTIVE") == 1
