"""Review policies in a replica: every answer carries the verdict of its model's own policy, and the rules behind it."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from prediction_rig import CountedMetrics, rock_salt
from tenant_rig import POLL_SECONDS

from epitaxy.api.common.v1 import review_pb2
from epitaxy.chassis.model_names import ModelName
from epitaxy.prediction.domain import Item, Query
from epitaxy.prediction.messages import BlockEncoder
from epitaxy.prediction.served_model import load_policy
from epitaxy.prediction.service import PredictionService
from epitaxy.prediction.settings import PredictionSettings
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.review import DEFAULT_POLICY, ReviewPolicy, ReviewVerdict
from epitaxy_models.structures import IntakeLimits
from epitaxy_models.testing.tenant_model import TenantModelRecipe, unlabelled_structures

ACCEPT, REVIEW, REJECT = (review_pb2.ReviewVerdict.Value(f"REVIEW_VERDICT_{v.value}") for v in ReviewVerdict)
SALT, LEAD_SELENIDE = rock_salt(), rock_salt(82, 34)


@pytest.fixture
def judged(artifact, rig):
    """Reviews of salt and lead selenide under a policy, as they are written to the wire."""

    async def judge(policy, coverage=0.9):
        subject = rig()
        service = PredictionService(
            artifact, subject.service._store, subject.backend, CountedMetrics(), IntakeLimits(), policy
        )
        query = Query(subject.query.properties, coverage)
        block = await service.evaluate([Item("salt", SALT), Item("lead", LEAD_SELENIDE)], query)
        message = BlockEncoder(artifact).results(block, query, sequence=1)
        return [result.prediction for result in message.results]

    return judge


def widths(prediction):
    return [value.interval.upper - value.interval.lower for value in prediction.values]


async def test_a_forbidden_element_rejects_its_own_structure_and_no_other(judged):
    policy = ReviewPolicy(out_of_domain=ReviewVerdict.ACCEPT, forbidden_elements=(82,))
    salt, lead = await judged(policy)
    assert salt.review == review_pb2.ReviewDecision(verdict=ACCEPT)
    assert lead.review.verdict == REJECT
    [rule] = lead.review.rules
    assert (rule.code, rule.message) == ("FORBIDDEN_ELEMENT", "holds Pb, which the policy forbids")


async def test_widths_are_judged_at_the_coverage_of_the_policy_whatever_is_asked_for(judged, artifact):
    [_, gap, _] = [entry.definition.name for entry in artifact.card.properties]
    wide = max(widths((await judged(DEFAULT_POLICY, coverage=0.9))[0])[1], 1e-9)
    for asked in (0.5, 0.9, 0.99):
        for limit, verdict in ((wide * 1.001, ACCEPT), (wide * 0.999, REVIEW)):
            policy = ReviewPolicy({gap: limit}, 0.9, out_of_domain=ReviewVerdict.ACCEPT)
            salt, _ = await judged(policy, coverage=asked)
            assert salt.review.verdict == verdict, (asked, limit)
            assert [rule.code for rule in salt.review.rules] == ([] if verdict == ACCEPT else ["INTERVAL_WIDTH"])


def test_a_limit_on_a_property_that_the_model_has_not_stops_the_start(artifact, rig):
    with pytest.raises(ConfigurationError, match="the model has no critical_temperature"):
        PredictionService(
            artifact, None, None, CountedMetrics(), IntakeLimits(), ReviewPolicy({"critical_temperature": 1.0})
        )


def test_the_card_tells_the_policy(artifact):
    policy = ReviewPolicy({"band_gap": 0.8}, 0.8, 0.97, ReviewVerdict.REJECT, (82, 48))
    told = BlockEncoder(artifact).model_card(policy).review_policy
    assert dict(told.max_interval_width) == {"band_gap": 0.8}
    assert (told.interval_coverage, told.max_domain_score) == (0.8, 0.97)
    assert (told.out_of_domain, list(told.forbidden_elements)) == (REJECT, [48, 82])


class TestSettingOfTheShippedModel:
    def test_a_file_holds_the_policy(self, tmp_path):
        file = tmp_path / "policy.json"
        file.write_text(json.dumps({"forbidden_elements": [82], "max_domain_score": 0.97}))
        settings = PredictionSettings(review_policy_file=str(file))
        assert load_policy(settings) == ReviewPolicy(max_domain_score=0.97, forbidden_elements=(82,))

    def test_without_one_the_default_holds(self):
        assert load_policy(PredictionSettings()) == DEFAULT_POLICY

    @pytest.mark.parametrize("text", [None, "{", '{"max_width": 1}'])
    def test_a_file_that_cannot_be_read_stops_the_start(self, tmp_path, text):
        file = tmp_path / "policy.json"
        if text is not None:
            file.write_text(text)
        with pytest.raises(ConfigurationError, match="review policy"):
            load_policy(PredictionSettings(review_policy_file=str(file)))


class TestTenants:
    async def test_a_policy_holds_for_its_own_model_from_the_next_poll_on(self, tenants, artifact, embedder):
        model = TenantModelRecipe().model(artifact, embedder)
        for name in ("acme/volume", "acme/other"):
            tenants.publish(name, model)
        structures = unlabelled_structures(3)
        before = [result.prediction for result in (await tenants.ask("acme", "acme/volume", structures)).results]
        limit = min(widths(prediction)[0] for prediction in before) / 2
        policy = ReviewPolicy({"volume_per_atom": limit}, out_of_domain=ReviewVerdict.ACCEPT)
        tenants.registry.registry.set_review_policy(ModelName("acme", "volume"), policy.as_text())
        await asyncio.sleep(1.5 * POLL_SECONDS)
        after = (await tenants.ask("acme", "acme/volume", structures)).results
        assert [[rule.code for rule in result.prediction.review.rules] for result in after] == [["INTERVAL_WIDTH"]] * 3
        assert (await tenants.card("acme", "acme/volume")).review_policy.max_interval_width["volume_per_atom"] == limit
        other = (await tenants.ask("acme", "acme/other", structures)).results
        assert all(rule.code != "INTERVAL_WIDTH" for r in other for rule in r.prediction.review.rules)
        tenants.registry.registry.set_review_policy(ModelName("acme", "volume"), '{"damaged')
        await asyncio.sleep(1.5 * POLL_SECONDS)
        held_back = (await tenants.ask("acme", "acme/volume", structures)).results
        assert {result.prediction.review.verdict for result in held_back} == {REVIEW}
        assert all("POLICY_DAMAGED" in {rule.code for rule in r.prediction.review.rules} for r in held_back)
