"""Every expression of every panel and rule, evaluated by a real Prometheus over the running stack."""

import math
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from observability_files import Expression, alerts, panel_expressions, rule_expressions
from prometheus_client import CollectorRegistry

from epitaxy.database.tables import Database
from epitaxy.finetune.metrics import FineTuneMetrics, RecentJobs
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.gateway.metrics import GatewayMetrics
from epitaxy.measurements.metrics import MeasurementMetrics
from epitaxy.measurements.store import SqlMeasurementStore
from tools.dashboards.prometheus import JOBS, Prometheus

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

NO_JOB_ENDED = "no fine-tune job has ended on a fresh stack"
NO_CHAMPION = "no tenant of a fresh stack has a model"
NO_GPU = "Ray reports GPUs only from nodes that have one"
NO_TLS = "the local stack serves without TLS"
NO_SPLIT = "Ray exports a counter from its first count on, and no batch has failed"
NO_RETRY = "nothing was lost upstream, so no message was sent again"
NO_DAMAGE = "no champion is damaged"
NO_DROP = "a search of a few crystals evaluates all of them, so that there is no recall to estimate"
NO_DAY = "compares with the day before, of which a fresh stack has nothing"
# These depend on the machine and on chance: data are no mistake then.
NOT_SURE_TO_BE_EMPTY = {NO_GPU, NO_RETRY}
# What a healthy stack without a GPU, without TLS and without jobs cannot have. Each of these must be empty indeed.
EMPTY_AT_REST = {
    "screening / Batches halved / A": NO_SPLIT,
    "screening / Messages sent upstream again / A": NO_RETRY,
    "screening / Estimated recall / A": NO_DROP,
    "screening / Estimated recall / B": NO_DROP,
    "fine-tunes / Duration / A": NO_JOB_ENDED,
    "fine-tunes / Duration / B": NO_JOB_ENDED,
    "fine-tunes / Failed in a day / A": NO_JOB_ENDED,
    "fine-tunes / Jobs of a day by tenant / A": NO_JOB_ENDED,
    "fine-tunes / Jobs of a day by model / A": NO_JOB_ENDED,
    "fine-tunes / Champions by substrate / A": NO_CHAMPION,
    "fine-tunes / GPUs reserved / A": NO_GPU,
    "fine-tunes / GPU use / A": NO_GPU,
    "operations / Certificate expires in / A": NO_TLS,
    "prediction / EpitaxyBatchesHalved": NO_SPLIT,
    "models-and-trust / Champions that do not load / A": NO_DAMAGE,
    "promises / EpitaxyChampionNotLoaded": NO_DAMAGE,
    "promises / EpitaxyKeysRefused": "a local stack needs no key, so none is refused",
    "promises / EpitaxyInnerCallsRefused": "only the gateway calls, and it signs",
    "finetune / EpitaxyModelsOnEarlierSubstrate": NO_CHAMPION,
    "trust / EpitaxyOutOfDomainSurge": NO_DAY,
    "trust / EpitaxySpreadDrift": NO_DAY,
    "operations / EpitaxyGatewayGone": "asks whether there is no gateway, and there is one",
    "operations / EpitaxyCertificateExpiresSoon": NO_TLS,
    "operations / EpitaxyCertificateExpires": NO_TLS,
}
# Metrics that nothing of the running stack exports, by the reason.
NOT_EXPORTED_AT_REST = {
    "epitaxy_finetune_champions": NO_CHAMPION,
    "epitaxy_finetune_day_jobs": NO_JOB_ENDED,
    "epitaxy_gateway_chunk_retries_total": NO_RETRY,
    "epitaxy_gateway_certificate_expiry_timestamp_seconds": NO_TLS,
    "ray_epitaxy_prediction_batch_splits_total": NO_SPLIT,
    "ray_epitaxy_prediction_champions_not_loaded_total": NO_DAMAGE,
    "ray_node_gpus_utilization": NO_GPU,
}
EXPRESSIONS = [*panel_expressions(), *rule_expressions()]
# From the start of the load to the last expression's first point; Ray's workers hand their figures over every ten
# seconds, rates need two of them, and subqueries see their first point after a minute.
PATIENCE_SECONDS = 180.0
POLL_SECONDS = 2.0


def has_data(prometheus: Prometheus, expression: Expression) -> bool:
    """Whether there is a number: NaN is what a share of nothing is."""
    series = prometheus.query(expression.as_truth)
    return any(not math.isnan(float(entry["value"][1])) for entry in series)


@pytest.fixture(scope="module")
def with_data(scraped: Prometheus) -> set[str]:
    """Places of the expressions that had data once while the stack worked. All are waited for together."""
    pending = [expression for expression in EXPRESSIONS if expression.place not in EMPTY_AT_REST]
    found: set[str] = set()
    limit = time.monotonic() + PATIENCE_SECONDS
    while pending and time.monotonic() < limit:
        time.sleep(POLL_SECONDS)
        found |= {expression.place for expression in pending if has_data(scraped, expression)}
        pending = [expression for expression in pending if expression.place not in found]
    return found


@pytest.mark.parametrize(
    "expression", [pytest.param(entry, id=entry.place) for entry in EXPRESSIONS if entry.place not in EMPTY_AT_REST]
)
def test_an_expression_returns_data_under_load(with_data: set[str], expression: Expression) -> None:
    assert expression.place in with_data, expression.as_truth


@pytest.mark.parametrize(
    "expression", [pytest.param(entry, id=entry.place) for entry in EXPRESSIONS if entry.place in EMPTY_AT_REST]
)
@pytest.mark.usefixtures("with_data")
def test_an_expression_listed_as_empty_is_valid_and_empty(scraped: Prometheus, expression: Expression) -> None:
    reason = EMPTY_AT_REST[expression.place]
    assert not has_data(scraped, expression) or reason in NOT_SURE_TO_BE_EMPTY, f"it has data, against: {reason}"


def test_nothing_is_listed_that_does_not_exist() -> None:
    assert set(EMPTY_AT_REST) <= {expression.place for expression in EXPRESSIONS}


@pytest.mark.usefixtures("with_data")
def test_every_metric_named_is_exported(scraped: Prometheus) -> None:
    named = set().union(*(expression.metrics for expression in EXPRESSIONS))
    exported = set(scraped.get("label/__name__/values"))
    assert named - exported <= set(NOT_EXPORTED_AT_REST)
    unexpected = {NOT_EXPORTED_AT_REST[name] for name in set(NOT_EXPORTED_AT_REST) & exported}
    assert unexpected <= NOT_SURE_TO_BE_EMPTY, "take these off the list"


@pytest.mark.usefixtures("with_data")
def test_all_parts_are_scraped(scraped: Prometheus) -> None:
    up = {entry["metric"]["job"]: float(entry["value"][1]) for entry in scraped.query("up")}
    assert up == dict.fromkeys(JOBS.values(), 1.0)


@pytest.mark.usefixtures("with_data")
def test_a_healthy_stack_fires_no_alert(scraped: Prometheus) -> None:
    groups = scraped.get("rules?type=alert")["groups"]
    states = {rule["name"]: (rule["state"], rule["health"]) for group in groups for rule in group["rules"]}
    assert set(states) == {rule["alert"] for rule in alerts()}
    assert {health for _, health in states.values()} == {"ok"}
    assert not [name for name, (state, _) in states.items() if state == "firing"]


def test_what_the_services_have_not_counted_yet_are_metrics_of_theirs(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    FineTuneMetrics(registry)
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    RecentJobs(registry, SqlJobStore(database))
    MeasurementMetrics(registry, SqlMeasurementStore(database))
    GatewayMetrics(registry).publish_certificate_expiry(datetime.now(UTC))
    known = {f"{family.name}_total" if family.type == "counter" else family.name for family in registry.collect()}
    database.close()
    assert {name for name in NOT_EXPORTED_AT_REST if name.startswith("epitaxy_")} <= known
