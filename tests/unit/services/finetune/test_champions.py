"""Decisions about models: repeated calls, and what a crash between record and registry leaves behind."""

import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from threading import Thread

import pytest

from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError, UnavailableError
from epitaxy.chassis.model_names import ModelName
from epitaxy.finetune.champions import Caller, Champions, Change
from epitaxy.finetune.domain.job import JobState, Progress, Result, Verdict
from epitaxy.finetune.domain.promotion import AuditAction
from epitaxy.finetune.ports import RequestKey
from epitaxy.registry.ports import Alias, ModelVersion
from epitaxy_models.review import DEFAULT_POLICY

CALLER = Caller("acme", "call-1")
NAME = "my-tc"
KEY = RequestKey("r1", "digest")


@dataclass
class SmallRegistry:
    """Champion and policy of one model; the next calls of a name in ``failures`` fail."""

    champion: str = ""
    policy: str = ""
    failures: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def find(self, model, *, alias="", version=""):
        assert alias is Alias.CANDIDATE
        return ModelVersion(model, "3", "sha256:3", "run")

    def versions(self, model):
        return [ModelVersion(model, "3", "sha256:3", "run")]

    def promote(self, model, version):
        self._called("promote")
        assert model == ModelName("acme", NAME)
        self.champion = version

    def set_review_policy(self, model, text):
        self._called("set_review_policy")
        self.policy = text

    def delete_tenant(self, tenant):
        self.champion = ""
        return 1

    def _called(self, name):
        self.calls.append(name)
        if name in self.failures:
            self.failures.remove(name)
            raise UnavailableError("the model registry does not answer: send it again")


class FailingOnce:
    """A ledger of which one method fails once, before or after it did its work: a crash on either side of a step."""

    def __init__(self, ledger, method, *, before):
        self._ledger, self._method, self._before = ledger, method, before

    def __getattr__(self, name):
        method = getattr(self._ledger, name)
        if name != self._method:
            return method

        def failing(*arguments):
            self._method = ""
            if not self._before:
                method(*arguments)
            raise UnavailableError("the job store does not answer: send it again")

        return failing


@pytest.fixture
def registry():
    return SmallRegistry()


@pytest.fixture
def champions(store, ledger, registry, new_job):
    for version in ("1", "2", "3"):
        result = Result(version, f"sha256:{version}", Verdict.HELPS, "block_gp", {"block_gp": 1.5}, is_calibrated=True)
        job = new_job(f"ft-{version}", state=JobState.SUCCEEDED, progress=Progress(1.0), result=result)
        store.create(job, None, lambda usage: None)
    return Champions(store, ledger, registry)


def actions(champions):
    return [(entry.action.value, entry.version) for entry in champions.ledger.entries("acme")]


def test_a_repeated_promotion_gets_the_first_answer_and_changes_nothing(champions, registry):
    champions.promote(CALLER, NAME, "1", "")
    first = champions.promote(CALLER, NAME, "2", "", KEY)
    champions.promote(CALLER, NAME, "3", "")
    calls = list(registry.calls)
    assert champions.promote(Caller("acme", "call-2"), NAME, "2", "", KEY) == first == Change("2", "1")
    assert (registry.champion, registry.calls) == ("3", calls)
    assert actions(champions) == [("PROMOTE", "1"), ("PROMOTE", "2"), ("PROMOTE", "3")]


def test_a_repeated_rollback_goes_back_once(champions, registry):
    for version in ("1", "2", "3"):
        champions.promote(CALLER, NAME, version, "")
    first = champions.roll_back(CALLER, NAME, "worse", KEY)
    assert champions.roll_back(CALLER, NAME, "worse", KEY) == first == Change("2", "3")
    assert registry.champion == "2"
    assert champions.roll_back(CALLER, NAME, "worse") == Change("1", "2"), "a call without an id is a new decision"


def test_a_repeated_promotion_of_the_candidate_asks_for_no_other_candidate(champions, registry):
    first = champions.promote(CALLER, NAME, "", "", KEY)
    registry.find = None
    assert champions.promote(CALLER, NAME, "", "", KEY) == first == Change("3", "")


def test_a_repeated_policy_does_not_come_back_over_a_newer_one(champions, registry):
    newer = replace(DEFAULT_POLICY, interval_coverage=0.8)
    champions.set_policy(CALLER, NAME, DEFAULT_POLICY, "", KEY)
    champions.set_policy(CALLER, NAME, newer, "")
    champions.set_policy(CALLER, NAME, DEFAULT_POLICY, "", KEY)
    assert registry.policy == newer.as_text()
    assert len(champions.ledger.entries("acme")) == 2


def test_an_id_of_another_request_is_refused_and_ids_belong_to_one_tenant(champions):
    champions.promote(CALLER, NAME, "1", "", KEY)
    with pytest.raises(FailedPreconditionError, match="used for another request") as error:
        champions.promote(CALLER, NAME, "2", "", RequestKey("r1", "other"))
    assert error.value.reason == "REQUEST_ID_REUSED"
    with pytest.raises(FailedPreconditionError, match="used for another request"):
        champions.roll_back(CALLER, NAME, "", RequestKey("r1", "other"))
    with pytest.raises(NotFoundError, match="no such version"):
        champions.promote(Caller("globex", "call-1"), NAME, "1", "", KEY)
    assert actions(champions) == [("PROMOTE", "1")]


def test_a_refused_decision_leaves_its_id_free(champions):
    with pytest.raises(FailedPreconditionError, match="no previous champion"):
        champions.promote(CALLER, NAME, "1", "") and champions.roll_back(CALLER, NAME, "", KEY)
    champions.promote(CALLER, NAME, "2", "")
    assert champions.roll_back(CALLER, NAME, "", KEY) == Change("1", "2")


@pytest.mark.parametrize(
    ("method", "before"), [("decide", True), ("decide", False), ("settle", True), ("settle", False)]
)
def test_a_rollback_that_a_store_lost_halfway_is_made_once(champions, registry, method, before):
    for version in ("1", "2", "3"):
        champions.promote(CALLER, NAME, version, "")
    crashing = replace(champions, ledger=FailingOnce(champions.ledger, method, before=before))
    with pytest.raises(UnavailableError, match="job store"):
        crashing.roll_back(CALLER, NAME, "", KEY)
    assert crashing.roll_back(CALLER, NAME, "", KEY) == Change("2", "3")
    assert registry.champion == "2"
    assert actions(champions)[3:] == [("ROLLBACK", "2")]


def test_a_rollback_that_the_registry_missed_is_made_up_for_by_its_repetition(champions, registry):
    for version in ("1", "2", "3"):
        champions.promote(CALLER, NAME, version, "")
    registry.failures = ["promote"]
    with pytest.raises(UnavailableError, match="registry"):
        champions.roll_back(CALLER, NAME, "", KEY)
    assert registry.champion == "3"
    assert champions.roll_back(CALLER, NAME, "", KEY) == Change("2", "3")
    assert registry.champion == "2"
    assert actions(champions)[3:] == [("ROLLBACK", "2")]


def test_a_late_repetition_of_a_lost_promotion_does_not_undo_a_newer_one(champions, registry):
    registry.failures = ["promote"]
    with pytest.raises(UnavailableError, match="registry"):
        champions.promote(CALLER, NAME, "1", "", KEY)
    champions.promote(CALLER, NAME, "2", "")
    assert champions.promote(CALLER, NAME, "1", "", KEY) == Change("1", "")
    assert registry.champion == "2"
    assert actions(champions) == [("PROMOTE", "1"), ("PROMOTE", "2")]


@pytest.mark.parametrize("is_newer", [False, True])
def test_a_policy_that_the_registry_missed_is_made_up_for_unless_a_newer_one_holds(champions, registry, is_newer):
    newer = replace(DEFAULT_POLICY, interval_coverage=0.8)
    registry.failures = ["set_review_policy"]
    with pytest.raises(UnavailableError, match="registry"):
        champions.set_policy(CALLER, NAME, DEFAULT_POLICY, "", KEY)
    assert registry.policy == ""
    if is_newer:
        champions.set_policy(CALLER, NAME, newer, "")
    champions.set_policy(CALLER, NAME, DEFAULT_POLICY, "", KEY)
    assert registry.policy == (newer if is_newer else DEFAULT_POLICY).as_text()


def test_equal_requests_at_once_are_one_decision(champions, registry):
    for version in ("1", "2", "3"):
        champions.promote(CALLER, NAME, version, "")
    answers = []

    def repeat():
        answers.append(champions.roll_back(CALLER, NAME, "", KEY))

    threads = [Thread(target=repeat) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [Change("2", "3")] * 6
    assert actions(champions)[3:] == [("ROLLBACK", "2")]


def test_different_rollbacks_at_once_go_back_one_champion_each(champions, registry):
    for version in ("1", "2", "3"):
        champions.promote(CALLER, NAME, version, "")
    answers = []

    def roll_back(request_id):
        answers.append(champions.roll_back(CALLER, NAME, "", RequestKey(request_id, "digest")))

    threads = [Thread(target=roll_back, args=(request_id,)) for request_id in ("r1", "r2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.version for answer in answers} == {"2", "1"}
    assert registry.champion == "1"


def test_deletion_forgets_the_ids_with_the_models(champions):
    champions.promote(CALLER, NAME, "1", "", KEY)
    champions.delete_all(CALLER)
    assert champions.ledger.find_decision("acme", KEY) is None
    assert champions.ledger.latest("acme", "", AuditAction.DELETE_TENANT) is not None


class SmallFiles:
    """Reports of three jobs: the second version errs more than the first."""

    def read_report(self, tenant, job_id, kind):
        assert (tenant, kind) == ("acme", "json")
        error = {"ft-1": 0.1, "ft-2": 0.3, "ft-3": 0.1}[job_id]
        rows = [
            {"row_id": str(n), "formula": f"X{n}", "label": 1.0, "predicted": 1.0 + error + 0.01 * (n % 3)}
            for n in range(20)
        ]
        return json.dumps({"subject": {"name": "tc", "unit": "K"}, "parity": rows}).encode()


def test_a_version_that_errs_more_than_the_champion_is_not_promoted_without_a_reason(champions):
    champions = replace(champions, files=SmallFiles())
    champions.promote(CALLER, NAME, "2", "")
    champions.promote(CALLER, NAME, "1", "")
    with pytest.raises(
        FailedPreconditionError, match=r"errs more than the champion \(0\.309 against 0\.11 on 20 formulas\)"
    ):
        champions.promote(CALLER, NAME, "2", "")
    champions.promote(CALLER, NAME, "3", "")
    champions.promote(CALLER, NAME, "2", "it is faster")
    assert actions(champions)[-1] == ("OVERRIDE", "2")


def test_the_log_names_the_key_of_a_decision_and_lines_of_before_keep_their_digests(champions):
    champions.promote(Caller("acme", "call-1", "00112233aabbccdd"), NAME, "1", "", KEY)
    champions.promote(CALLER, NAME, "2", "")
    first, second = champions.ledger.entries("acme")
    assert (first.key_id, second.key_id) == ("00112233aabbccdd", "")
    assert champions.ledger.is_intact()
    assert first.chained("") != replace(first, key_id="").chained("") != replace(first, key_id="other").chained("")
    parts = ("", second.at.isoformat(), "acme", "call-1", "PROMOTE", NAME, "2", second.digest, second.reason)
    assert second.chained("") == sha256("\x1f".join(parts).encode()).hexdigest(), "as it was before keys were named"
