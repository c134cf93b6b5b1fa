from collections import Counter
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from epitaxy.api.common.v1.model_pb2 import ModelStamp
from epitaxy.api.common.v1.property_pb2 import CalibrationStamp, PropertyDefinition
from epitaxy.api.common.v1.review_pb2 import FiredRule, ReviewDecision
from epitaxy.api.common.v1.structure_pb2 import ItemError
from epitaxy.api.internal.v1.prediction_backend_pb2 import EvaluateResponse
from epitaxy.api.prediction.v1.prediction_pb2 import (
    DomainAssessment,
    PropertyStamp,
    PropertyValue,
    ResultBlock,
    StructurePrediction,
    StructureResult,
)
from epitaxy.gateway.blocks import settle_answer
from epitaxy.gateway.domain import Chunk, ModelUse, Tally
from epitaxy.gateway.metrics import GatewayMetrics
from epitaxy.gateway.model_metrics import MAX_VERSIONS

IN_DOMAIN, OUT_OF_DOMAIN = 1, 3
ACCEPT, REVIEW = 1, 2
GAP = ("substrate", "2", "band_gap")


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return GatewayMetrics(registry)


@pytest.fixture
def sample(registry):
    def read(name, **labels):
        return registry.get_sample_value(name, labels)

    return read


def predicted(name, std, verdict):
    values = [PropertyValue(property_index=0, value=1.0, epistemic_std=std)]
    is_far = verdict == OUT_OF_DOMAIN
    review = ReviewDecision(verdict=REVIEW, rules=[FiredRule(code="OUT_OF_DOMAIN"), FiredRule(code="INTERVAL_WIDTH")])
    prediction = StructurePrediction(
        values=values,
        domain=DomainAssessment(verdict=verdict),
        review=review if is_far else ReviewDecision(verdict=ACCEPT),
    )
    return StructureResult(id=name, prediction=prediction)


def answer():
    calibration = CalibrationStamp(measured_coverage=0.87, nominal_coverage=0.9)
    stamp = PropertyStamp(definition=PropertyDefinition(name="band_gap"), calibration=calibration)
    results = [
        predicted("a", 0.25, IN_DOMAIN),
        predicted("b", 0.5, OUT_OF_DOMAIN),
        StructureResult(id="c", error=ItemError(reason="EMPTY")),
    ]
    block = ResultBlock(model=ModelStamp(name="substrate", version="2"), properties=[stamp], results=results)
    return settle_answer(EvaluateResponse(results=block).SerializeToString(), Chunk(b"", len(results)))


def test_an_answer_is_counted_by_tenant_model_version_and_verdict(metrics, sample):
    for _ in range(2):
        given = answer()
        metrics.model_used("acme", given.use, given.tally)
    labels = {"tenant": "acme", "model": "substrate", "version": "2"}
    assert sample("epitaxy_gateway_model_structures_total", **labels, verdict="IN_DOMAIN") == 2
    assert sample("epitaxy_gateway_model_structures_total", **labels, verdict="OUT_OF_DOMAIN") == 2
    by_property = {"model": "substrate", "version": "2", "property": "band_gap"}
    assert sample("epitaxy_gateway_model_values_total", **by_property) == 4
    assert sample("epitaxy_gateway_model_epistemic_std_total", **by_property) == 1.5
    assert sample("epitaxy_gateway_model_measured_coverage_ratio", **by_property) == 0.87
    assert sample("epitaxy_gateway_model_promised_coverage_ratio", **by_property) == 0.9


def test_verdicts_of_review_policies_are_counted_with_the_rules_that_fired(metrics, sample):
    given = answer()
    metrics.model_used("acme", given.use, given.tally)
    labels = {"tenant": "acme", "model": "substrate", "version": "2"}
    assert sample("epitaxy_gateway_model_reviews_total", **labels, verdict="ACCEPT") == 1
    assert sample("epitaxy_gateway_model_reviews_total", **labels, verdict="REVIEW") == 1
    assert sample("epitaxy_gateway_model_reviews_total", **labels, verdict="REJECT") is None
    by_rule = {"model": "substrate", "version": "2"}
    assert sample("epitaxy_gateway_model_review_rules_total", **by_rule, rule="OUT_OF_DOMAIN") == 1
    assert sample("epitaxy_gateway_model_review_rules_total", **by_rule, rule="INTERVAL_WIDTH") == 1


def test_an_answer_without_a_model_is_not_counted_by_model(metrics, registry):
    metrics.model_used("acme", ModelUse(), Tally(domain_verdicts=Counter({"IN_DOMAIN": 3})))
    assert not any("model" in sample.name for family in registry.collect() for sample in family.samples)


def test_versions_are_bounded(metrics, sample):
    for number in range(MAX_VERSIONS + 5):
        metrics.model_used("acme", ModelUse("m", str(number)), Tally(domain_verdicts=Counter({"IN_DOMAIN": 1})))
    other = {"tenant": "acme", "model": "OTHER", "version": "OTHER", "verdict": "IN_DOMAIN"}
    assert sample("epitaxy_gateway_model_structures_total", **other) == 5


def test_faults_begin_at_zero_so_that_the_first_one_shows_in_a_rate(metrics, sample):
    for reason in ("UNAVAILABLE", "OVERLOADED", "DEADLINE_EXCEEDED", "INTERNAL"):
        assert sample("epitaxy_gateway_structures_total", outcome="failed", reason=reason) == 0
    metrics.outcomes(Tally(failed=3, errors_by_reason=Counter({("OVERLOADED", True): 3})))
    assert sample("epitaxy_gateway_structures_total", outcome="failed", reason="OVERLOADED") == 3


def test_a_chunk_is_timed_from_its_arrival_to_its_end_also_where_it_fails(metrics, sample):
    with metrics.chunk_in_flight():
        assert sample("epitaxy_gateway_chunks_in_flight") == 1
    with pytest.raises(ValueError, match="lost"), metrics.chunk_in_flight():
        raise ValueError("lost")
    assert sample("epitaxy_gateway_chunk_seconds_count") == 2
    assert sample("epitaxy_gateway_chunks_in_flight") == 0


def test_there_is_an_expiry_only_where_there_is_a_certificate(metrics, sample):
    assert sample("epitaxy_gateway_certificate_expiry_timestamp_seconds") is None
    metrics.publish_certificate_expiry(datetime(2030, 1, 1, tzinfo=UTC))
    assert sample("epitaxy_gateway_certificate_expiry_timestamp_seconds") == 1893456000
