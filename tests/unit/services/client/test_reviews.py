"""Verdicts of review policies as a client gets them: in results, tables, counts and the ranking."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from epitaxy.api.common.v1 import review_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.cli.screen.outcome import OutcomeTally
from epitaxy.cli.screen.ranking import Ranking
from epitaxy.client import COLUMNS, Review, ReviewPolicy, ScreenResult
from epitaxy.client.models.reading import read_policy, write_policy
from epitaxy.client.screening.reading import ResultBlockReader
from epitaxy.client.screening.rows import rows_of
from epitaxy.client.screening.summary import RunTally

RULES = [
    review_pb2.FiredRule(code="FORBIDDEN_ELEMENT", message="holds Pb, which the policy forbids"),
    review_pb2.FiredRule(code="OUT_OF_DOMAIN", message="out of domain: far away"),
]
REJECTED = review_pb2.ReviewDecision(verdict=review_pb2.REVIEW_VERDICT_REJECT, rules=RULES)
ACCEPTED = review_pb2.ReviewDecision(verdict=review_pb2.REVIEW_VERDICT_ACCEPT)


def read(decision: review_pb2.ReviewDecision | None) -> ScreenResult:
    stamp = prediction_pb2.PropertyStamp()
    stamp.definition.name, stamp.definition.unit = "gap", "eV"
    value = prediction_pb2.PropertyValue(value=1.5, std=0.2)
    prediction = prediction_pb2.StructurePrediction(reduced_formula="PbSe", values=[value], review=decision)
    answer = prediction_pb2.StructureResult(id="a", prediction=prediction)
    block = prediction_pb2.ResultBlock(results=[answer], properties=[stamp])
    return ResultBlockReader(block).read(answer, "a", 0)


def test_a_verdict_comes_with_its_rules_the_gravest_first() -> None:
    review = read(REJECTED).review
    assert review == Review(
        "REJECT",
        ("holds Pb, which the policy forbids", "out of domain: far away"),
        ("FORBIDDEN_ELEMENT", "OUT_OF_DOMAIN"),
    )
    assert read(ACCEPTED).review == Review("ACCEPT")


def test_a_server_that_judges_nothing_leaves_the_verdict_empty() -> None:
    assert read(None).review == Review()


def test_tables_hold_verdict_rules_and_reasons() -> None:
    [row] = rows_of(read(REJECTED))
    named = dict(zip(COLUMNS, row, strict=True))
    assert named["review"] == "REJECT"
    assert named["review_rules"] == "FORBIDDEN_ELEMENT; OUT_OF_DOMAIN"
    assert named["review_reason"] == "holds Pb, which the policy forbids; out of domain: far away"
    [row] = rows_of(read(ACCEPTED))
    assert [row[COLUMNS.index(name)] for name in ("review", "review_rules", "review_reason")] == ["ACCEPT", None, None]


def test_the_ranking_says_which_rules_hold_an_answer_back() -> None:
    ranking = Ranking("gap", 5, ascending=False)
    for number, decision in enumerate((REJECTED, ACCEPTED)):
        [row] = rows_of(replace(read(decision), id=f"c{number}", domain_verdict="IN_DOMAIN"))
        ranking.see(row)
    console = Console(file=io.StringIO(), width=200)
    console.print(ranking.table(None))
    text = console.file.getvalue()
    assert "reject: forbidden element; out of domain" in text
    assert "accept" in text


def test_answers_that_are_held_back_are_counted() -> None:
    tally, outcomes = RunTally(), OutcomeTally()
    for decision in (REJECTED, ACCEPTED, REJECTED):
        result = read(decision)
        tally.add(result)
        outcomes.see(rows_of(result), is_final=True)
    assert tally.summary.review_verdicts == {"REJECT": 2, "ACCEPT": 1}
    console = Console(file=io.StringIO(), width=120)
    outcomes.print(console, 3, 1.0, 1.0)
    assert "2 rejected by the model's review policy" in console.file.getvalue()


@pytest.mark.parametrize(
    "policy", [ReviewPolicy(), ReviewPolicy({"gap": 0.5}, 0.8, 0.97, "REJECT", (48, 82)), ReviewPolicy({}, 0.95)]
)
def test_a_policy_survives_the_wire(policy: ReviewPolicy) -> None:
    assert read_policy(write_policy(policy)) == policy
