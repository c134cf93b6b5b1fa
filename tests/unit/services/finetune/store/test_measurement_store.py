"""Measurements on a real sqlite and a real Postgres: once each, never another tenant's, gone when they are to go."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from epitaxy.chassis.errors import InvalidRequestError, QuotaExceededError
from epitaxy.database.tables import Database
from epitaxy.measurements.domain import WINDOW, Conflict, PredictedMeasurement, Recorded, Subject
from epitaxy.measurements.metrics import MAX_SERIES, SHOWN_FOR, MeasurementMetrics
from epitaxy.measurements.service import MeasurementService
from epitaxy.measurements.store import SqlMeasurementStore

SUBJECT = Subject("acme", "acme/tc", "3", "critical_temperature")


def measurement(name="s1", value=1.0, predicted=1.0):
    return PredictedMeasurement(name, "NaCl", value, predicted, predicted - 0.5, predicted + 0.5, 0.9)


def many(first, count, value=1.0):
    return [measurement(f"s{number}", value) for number in range(first, first + count)]


@pytest.fixture
def measurements(database):
    return SqlMeasurementStore(database)


@pytest.fixture
def service(measurements):
    return MeasurementService(measurements, lambda tenant: 100_000 if tenant == "acme" else 30)


def test_a_measurement_is_kept_with_its_prediction(service):
    outcomes, health = service.record(SUBJECT, "K", [measurement("s1", 1.25), measurement("s2", 7.0)])
    assert outcomes == [Recorded(measurement("s1", 1.25), False), Recorded(measurement("s2", 7.0), False)]
    assert (health.subject, health.unit, health.n_total) == (SUBJECT, "K", 2)
    assert (health.window.n_measurements, health.window.n_inside) == (2, 1)
    assert health.window.bias == pytest.approx((0.25 + 6.0) / 2)
    assert timedelta() <= datetime.now(UTC) - health.latest_measurement_at < timedelta(minutes=1)
    assert service.health("acme", "acme/tc", "3") == [health]


def test_a_repeat_counts_once_and_answers_what_was_predicted_then(service):
    _, first = service.record(SUBJECT, "K", [measurement()])
    drifted = replace(measurement(), predicted=5.0, lower=4.0, upper=6.0)
    outcomes, health = service.record(SUBJECT, "K", [drifted, measurement("s2")])
    assert outcomes == [Recorded(measurement(), True), Recorded(measurement("s2"), False)]
    assert health.n_total == 2
    assert service.record(SUBJECT, "K", [drifted])[1] == health
    assert first.n_total == 1


def test_the_same_id_with_another_value_is_a_conflict_and_costs_its_neighbours_nothing(service):
    service.record(SUBJECT, "K", [measurement()])
    outcomes, health = service.record(SUBJECT, "K", [measurement(value=1.0000001), measurement("s2")])
    assert outcomes == [Conflict("s1", 1.0000001, 1.0), Recorded(measurement("s2"), False)]
    assert health.n_total == 2
    assert service.record(SUBJECT, "K", [measurement()])[0] == [Recorded(measurement(), True)]


def test_repeats_sent_at_once_are_counted_once(service):
    batches = [many(start, 16) for start in (0, 8, 16, 24)] * 4
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda batch: service.record(SUBJECT, "K", batch)[0], batches))
    fresh = [outcome.measurement.id for answer in answers for outcome in answer if not outcome.is_repeat]
    assert sorted(fresh) == sorted(item.id for item in many(0, 40))
    (health,) = service.health("acme", "acme/tc", "3")
    assert (health.n_total, health.window.n_measurements) == (40, 40)


def test_the_window_rolls_over_the_latest(service):
    for start in range(0, WINDOW, 50):
        service.record(SUBJECT, "K", many(start, 50, value=9.0))
    _, full = service.record(SUBJECT, "K", many(WINDOW, 1))
    assert (full.window.n_measurements, full.window.n_inside, full.n_total) == (WINDOW, 1, WINDOW + 1)
    for start in range(WINDOW + 1, 2 * WINDOW + 1, 50):
        _, fresh = service.record(SUBJECT, "K", many(start, 50))
    assert (fresh.window.n_measurements, fresh.window.n_inside) == (WINDOW, WINDOW)
    assert (fresh.window.bias, fresh.n_total) == (0.0, 2 * WINDOW + 1)


@pytest.mark.parametrize(
    "other",
    [
        replace(SUBJECT, tenant="globex"),
        replace(SUBJECT, model="substrate-mp"),
        replace(SUBJECT, version="4"),
        replace(SUBJECT, property="gap"),
    ],
    ids=["tenant", "model", "version", "property"],
)
def test_the_same_id_elsewhere_is_another_measurement(service, other):
    service.record(SUBJECT, "K", [measurement()])
    assert service.health(other.tenant, other.model, other.version) == (
        [] if other.property == SUBJECT.property else service.health("acme", "acme/tc", "3")
    )
    outcomes, health = service.record(other, "eV", [measurement(value=7.0)])
    assert outcomes == [Recorded(measurement(value=7.0), False)]
    assert (health.n_total, health.unit) == (1, "eV")


def test_beyond_its_quota_a_tenant_keeps_nothing_more_and_repeats_are_still_answered(service):
    subject = replace(SUBJECT, tenant="globex")
    service.record(subject, "K", many(0, 20))
    service.record(replace(subject, property="gap"), "eV", many(0, 10))
    with pytest.raises(QuotaExceededError, match="31 measurements would be kept and the quota is 30") as refused:
        service.record(subject, "K", many(19, 2))
    assert (refused.value.reason, refused.value.subject) == ("MEASUREMENT_QUOTA", "tenant:globex")
    outcomes, health = service.record(subject, "K", many(0, 20))
    assert all(outcome.is_repeat for outcome in outcomes)
    assert health.n_total == 20


def test_deletion_takes_one_tenant_and_spares_the_others(service, measurements):
    service.record(SUBJECT, "K", many(0, 3))
    service.record(replace(SUBJECT, property="gap"), "eV", many(0, 2))
    other = replace(SUBJECT, tenant="globex")
    service.record(other, "K", many(0, 4))
    assert service.delete("acme") == 5
    assert service.health("acme", "acme/tc", "3") == []
    assert service.health("globex", "acme/tc", "3")[0].n_total == 4
    outcomes, health = service.record(SUBJECT, "K", many(0, 1, value=9.0))
    assert outcomes == [Recorded(measurement("s0", 9.0), False)], "nothing is remembered of what was deleted"
    assert health.n_total == 1


def test_nothing_reported_of_nothing_known_is_too_few(service):
    outcomes, health = service.record(SUBJECT, "K", [])
    assert (outcomes, health.n_total, health.latest_measurement_at) == ([], 0, None)
    assert service.health("acme", "acme/tc", "3") == []


@pytest.mark.parametrize(
    ("subject", "given", "text"),
    [
        (SUBJECT, many(0, 65), "has 65 entries, at most 64 are allowed"),
        (SUBJECT, [measurement()] * 2, "has an id twice"),
        (replace(SUBJECT, version=""), [measurement()], "name model, version and property"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(service, subject, given, text):
    with pytest.raises(InvalidRequestError, match=text):
        service.record(subject, "K", given)


def samples(store):
    registry = CollectorRegistry()
    MeasurementMetrics(registry, store)
    lines = (line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_metrics_are_the_same_after_a_restart(service, measurements, database, database_url):
    service.record(SUBJECT, "K", [*many(0, 30), *many(30, 10, value=9.0)])
    before = samples(measurements)
    database.close()
    again = Database(database_url)
    assert samples(SqlMeasurementStore(again)) == before
    again.close()
    labels = '{model="acme/tc",property="critical_temperature",tenant="acme",version="3"}'
    assert before[f"epitaxy_measurements_total{labels}"] == 40
    assert before[f"epitaxy_measurements_window_size{labels}"] == 40
    assert before[f"epitaxy_measurements_coverage_ratio{labels}"] == 0.75
    assert before[f"epitaxy_measurements_nominal_coverage_ratio{labels}"] == pytest.approx(0.9)
    assert before[f"epitaxy_measurements_band_lower_ratio{labels}"] == 30 / 40
    assert before[f"epitaxy_measurements_band_upper_ratio{labels}"] == 1.0
    assert before[f"epitaxy_measurements_mean_absolute_error{labels}"] == 2.0
    assert before[f"epitaxy_measurements_bias{labels}"] == 2.0


def test_metrics_show_what_was_measured_lately_and_no_more_than_the_bound(measurements):
    now = datetime.now(UTC)
    measurements.record(replace(SUBJECT, version="old"), "K", [measurement()], now - SHOWN_FOR, lambda held: None)
    for number in range(MAX_SERIES + 3):
        at = now - timedelta(seconds=number)
        measurements.record(replace(SUBJECT, version=str(number)), "K", [measurement()], at, lambda held: None)
    shown = [name for name in samples(measurements) if name.startswith("epitaxy_measurements_total")]
    assert len(shown) == MAX_SERIES
    assert not [name for name in shown if 'version="old"' in name or f'version="{MAX_SERIES}"' in name]


def test_metrics_keep_their_last_values_while_the_store_does_not_answer(service, measurements, tmp_path, caplog):
    service.record(SUBJECT, "K", [measurement()])
    registry = CollectorRegistry()
    metrics = MeasurementMetrics(registry, measurements)
    before = generate_latest(registry)
    metrics._store = SqlMeasurementStore(Database(f"sqlite:///{tmp_path}"))  # a folder
    with caplog.at_level(logging.WARNING):
        assert generate_latest(registry) == before
    assert "the health of models cannot be read" in caplog.text
