"""Each rule of a review policy, how rules combine, and how a policy is stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.review import DEFAULT_POLICY, ReviewPolicy, ReviewVerdict

NEAR = DomainScore(0.3, DomainVerdict.IN_DOMAIN, "")
EDGE = DomainScore(0.96, DomainVerdict.BORDERLINE, "rather far")
FAR = DomainScore(0.999, DomainVerdict.OUT_OF_DOMAIN, "farther than 99.9 % of held-out structures")
SALT = np.array([11, 17], dtype=np.uint8)
ACCEPT, REVIEW, REJECT = ReviewVerdict.ACCEPT, ReviewVerdict.REVIEW, ReviewVerdict.REJECT


def _decide(policy: ReviewPolicy, domain: DomainScore = NEAR, width: float = 0.1, atoms: np.ndarray = SALT):
    [decision] = policy.judge([atoms], [domain], ["gap"], np.array([[width]]))
    return decision


@pytest.mark.parametrize(("domain", "verdict"), [(NEAR, ACCEPT), (EDGE, ACCEPT), (FAR, REVIEW)])
def test_by_default_only_what_is_out_of_domain_is_reviewed(domain: DomainScore, verdict: ReviewVerdict) -> None:
    decision = _decide(DEFAULT_POLICY, domain, width=1e9)
    assert decision.verdict is verdict
    assert [rule.code for rule in decision.rules] == ([] if verdict is ACCEPT else ["OUT_OF_DOMAIN"])


@pytest.mark.parametrize("outcome", list(ReviewVerdict))
def test_what_is_out_of_domain_gets_the_verdict_of_the_policy(outcome: ReviewVerdict) -> None:
    decision = _decide(ReviewPolicy(out_of_domain=outcome), FAR)
    assert decision.verdict is outcome
    assert len(decision.rules) == (outcome is not ACCEPT)


@pytest.mark.parametrize(("limit", "verdict"), [(0.95, REVIEW), (0.96, ACCEPT), (1.0, ACCEPT)])
def test_a_score_beyond_the_limit_is_reviewed(limit: float, verdict: ReviewVerdict) -> None:
    decision = _decide(ReviewPolicy(max_domain_score=limit), EDGE)
    assert decision.verdict is verdict
    if decision.rules:
        assert decision.rules[0].message == "domain score 0.960 is above 0.95"


@pytest.mark.parametrize(("width", "verdict"), [(0.2, ACCEPT), (0.2001, REVIEW), (float("nan"), REVIEW)])
def test_an_interval_wider_than_the_limit_is_reviewed(width: float, verdict: ReviewVerdict) -> None:
    decision = _decide(ReviewPolicy(max_interval_width={"gap": 0.2}, interval_coverage=0.8), width=width)
    assert decision.verdict is verdict
    if decision.rules:
        assert decision.rules[0].code == "INTERVAL_WIDTH"
        assert "the 80 % interval of gap is" in decision.rules[0].message


def test_only_the_properties_named_have_a_limit() -> None:
    policy = ReviewPolicy(max_interval_width={"gap": 0.2})
    [decision] = policy.judge([SALT], [NEAR], ["energy", "gap"], np.array([[9.0, 0.1]]))
    assert decision.verdict is ACCEPT


def test_a_forbidden_element_is_rejected_by_name() -> None:
    decision = _decide(ReviewPolicy(forbidden_elements=(82, 17)))
    assert decision.verdict is REJECT
    assert decision.rules[0].message == "holds Cl, which the policy forbids"
    assert _decide(ReviewPolicy(forbidden_elements=(82,))).verdict is ACCEPT


def test_the_gravest_rule_decides_and_comes_first() -> None:
    policy = ReviewPolicy({"gap": 0.1}, max_domain_score=0.9, forbidden_elements=(11,))
    decision = _decide(policy, FAR, width=1.0)
    assert decision.verdict is REJECT
    codes = [rule.code for rule in decision.rules]
    assert codes[0] == "FORBIDDEN_ELEMENT"
    assert set(codes) == {"FORBIDDEN_ELEMENT", "OUT_OF_DOMAIN", "DOMAIN_SCORE", "INTERVAL_WIDTH"}


def test_each_structure_is_judged_by_itself() -> None:
    decisions = DEFAULT_POLICY.judge([SALT] * 3, [NEAR, FAR, NEAR], ["gap"])
    assert [decision.verdict for decision in decisions] == [ACCEPT, REVIEW, ACCEPT]
    assert DEFAULT_POLICY.judge([], [], ["gap"]) == ()


def test_widths_that_are_limited_must_be_given() -> None:
    with pytest.raises(ConfigurationError, match="widths are limited: give them"):
        ReviewPolicy({"gap": 0.1}).judge([SALT], [NEAR], ["gap"])


def test_a_damaged_policy_lets_nothing_pass_unseen() -> None:
    decision = _decide(ReviewPolicy.damaged("bad text"))
    assert decision.verdict is REVIEW
    assert decision.rules[0].message == "the model's policy cannot be read: bad text"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_interval_width": {"gap": 0.0}}, "must be positive"),
        ({"max_interval_width": {"gap": float("inf")}}, "must be positive"),
        ({"interval_coverage": 0.4}, "coverage must lie between"),
        ({"max_domain_score": 0.0}, "max_domain_score must lie above 0"),
        ({"max_domain_score": 1.5}, "max_domain_score must lie above 0"),
        ({"forbidden_elements": (0,)}, "no atomic numbers: 0"),
        ({"forbidden_elements": (119,)}, "no atomic numbers: 119"),
    ],
)
def test_impossible_limits_are_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        ReviewPolicy(**fields)  # type: ignore[arg-type]


def test_a_limit_on_a_property_that_the_model_has_not_is_refused() -> None:
    policy = ReviewPolicy({"tc": 1.0})
    policy.check_properties(["tc", "gap"])
    with pytest.raises(ConfigurationError, match="the model has no tc; it has gap"):
        policy.check_properties(["gap"])


@given(
    st.dictionaries(st.sampled_from(["gap", "energy", "tc"]), st.floats(1e-3, 1e3)),
    st.floats(0.5, 0.99),
    st.none() | st.floats(0.01, 1),
    st.sampled_from(list(ReviewVerdict)),
    st.lists(st.integers(1, 118)),
)
def test_a_policy_is_what_was_stored_of_it(widths, coverage, score, outcome, elements) -> None:
    policy = ReviewPolicy(widths, coverage, score, outcome, tuple(elements))
    again = ReviewPolicy.from_text(policy.as_text())
    assert again == policy
    assert again.digest == policy.digest
    assert list(policy.forbidden_elements) == sorted(set(elements))


def test_policies_that_differ_have_other_digests() -> None:
    assert ReviewPolicy({"gap": 0.1}).digest != ReviewPolicy({"gap": 0.2}).digest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no review policy"),
        ("[]", "no review policy|no field"),
        ('{"max_width": 1}', "no field of a review policy: max_width"),
        ('{"out_of_domain": "IGNORE"}', "no review policy"),
        ('{"max_interval_width": 3}', "no review policy"),
        ('{"forbidden_elements": ["Pb"]}', "no review policy"),
        ('{"interval_coverage": "high"}', "no review policy"),
    ],
)
def test_any_other_text_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        ReviewPolicy.from_text(text)


def test_fields_left_out_keep_their_defaults() -> None:
    assert ReviewPolicy.from_text('{"forbidden_elements": [82]}') == ReviewPolicy(forbidden_elements=(82,))
