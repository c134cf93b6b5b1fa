"""A model that knows no more than a constant is not used unseen, whatever its policy says."""

from dataclasses import replace

import numpy as np
import pytest

from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.review import DEFAULT_POLICY, ReviewPolicy, ReviewVerdict

ATOMS = [np.array([11, 17], dtype=np.uint8)]
INSIDE = [DomainScore(0.2, DomainVerdict.IN_DOMAIN, "near")]


@pytest.mark.parametrize("policy", [DEFAULT_POLICY, replace(DEFAULT_POLICY, out_of_domain=ReviewVerdict.ACCEPT)])
def test_every_answer_of_a_constant_goes_to_review(policy: ReviewPolicy) -> None:
    (accepted,) = policy.of_model(is_constant=False).judge(ATOMS, INSIDE, ["gap"])
    (held,) = policy.of_model(is_constant=True).judge(ATOMS, INSIDE, ["gap"])
    assert accepted.verdict is ReviewVerdict.ACCEPT
    assert (held.verdict, [rule.code for rule in held.rules]) == (ReviewVerdict.REVIEW, ["CONSTANT_MODEL"])


def test_what_is_known_of_the_model_is_no_part_of_the_policy() -> None:
    assert DEFAULT_POLICY.of_model(is_constant=True).as_text() == DEFAULT_POLICY.as_text()
