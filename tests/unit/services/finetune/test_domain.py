from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError, QuotaExceededError
from epitaxy.finetune.domain.job import (
    ACTIVE_STATES,
    STAGES,
    TRANSITIONS,
    Failure,
    JobEndedError,
    JobState,
    Progress,
    Result,
    Verdict,
)
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry, promotion_of, standing_champions
from epitaxy.finetune.domain.quotas import TenantQuota, TenantUsage, check_rows, check_usage
from epitaxy.finetune.domain.spec import Budget, LabelColumn

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RESULT = Result("3", "sha256:0", Verdict.HELPS, "block_gp", {"block_gp": 1.0}, is_calibrated=True)


def test_a_job_goes_through_all_stages_to_success(new_job):
    job = new_job().begun(NOW, 3)
    assert (job.state, job.attempt, job.started_at) == (JobState.AUDITING, 1, NOW)
    for stage in STAGES:
        job = job.progressed(1, stage, Progress(0.5))
    done = job.succeeded(1, RESULT, NOW)
    assert (done.state, done.result, done.ended_at, done.progress.fraction) == (JobState.SUCCEEDED, RESULT, NOW, 1.0)


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_nothing_follows_an_end(new_job, state):
    ended = new_job(state=state, attempt=1)
    with pytest.raises(JobEndedError, match="cannot become"):
        ended.begun(NOW, 3)
    with pytest.raises(JobEndedError, match="not running"):
        ended.progressed(1, JobState.TRAINING, Progress())
    with pytest.raises(JobEndedError, match="not running"):
        ended.succeeded(1, RESULT, NOW)
    with pytest.raises(JobEndedError, match="cannot become"):
        ended.failed(Failure("X", "x"), NOW)
    assert ended.cancelled(NOW) == ended


def test_every_active_state_can_fail_and_be_cancelled(new_job):
    for state in ACTIVE_STATES:
        assert new_job(state=state).cancelled(NOW).state is JobState.CANCELLED
        assert new_job(state=state).failed(Failure("X", "x"), NOW).failure == Failure("X", "x")


def test_success_follows_evaluation_only(new_job):
    assert [state for state, after in TRANSITIONS.items() if JobState.SUCCEEDED in after] == [JobState.EVALUATING]
    with pytest.raises(JobEndedError, match="cannot become SUCCEEDED"):
        new_job(state=JobState.TRAINING, attempt=1).succeeded(1, RESULT, NOW)


def test_a_lost_worker_begins_again_and_the_lost_one_writes_no_more(new_job):
    first = new_job().begun(NOW, 3).progressed(1, JobState.TRAINING, Progress(0.7))
    second = first.begun(NOW, 3)
    assert (second.state, second.attempt, second.progress.fraction) == (JobState.AUDITING, 2, 0.0)
    with pytest.raises(JobEndedError, match="in attempt 2, not running in 1"):
        second.progressed(1, JobState.TRAINING, Progress())
    with pytest.raises(JobEndedError, match="in attempt 2, not running in 1"):
        second.failed(Failure("X", "x"), NOW, attempt=1)


def test_one_attempt_too_many_fails_the_job_with_its_remedy(new_job):
    job = new_job(attempt=3, state=JobState.TRAINING).begun(NOW, 3)
    assert job.state is JobState.FAILED
    assert job.failure.reason == "WORKER_LOST"
    assert "lost 3 times, last while TRAINING" in job.failure.message


def test_a_stage_never_goes_back_within_an_attempt(new_job):
    job = new_job().begun(NOW, 3).progressed(1, JobState.EVALUATING, Progress(0.9))
    again = job.progressed(1, JobState.TRAINING, Progress(0.95))
    assert (again.state, again.progress.fraction) == (JobState.EVALUATING, 0.95)


@pytest.mark.parametrize(("seconds", "overdue"), [(150, False), (160, False), (161, True)])
def test_overdue_is_half_again_the_budget_and_the_grace(new_job, seconds, overdue):
    job = new_job().begun(NOW, 3)
    assert job.is_overdue(NOW + timedelta(seconds=seconds), 10.0) is overdue
    assert not new_job().is_overdue(NOW + timedelta(days=9), 10.0)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model_name": "../etc"}, "spec.model_name"),
        ({"model_name": "Upper"}, "spec.model_name"),
        ({"property_name": "T c"}, "spec.property_name"),
        ({"unit": ""}, "spec.unit"),
        ({"low_fidelity": (LabelColumn("tc_k"),)}, "spec.low_fidelity"),
        ({"low_fidelity": tuple(LabelColumn(f"c{n}") for n in range(9))}, "spec.low_fidelity"),
    ],
)
def test_a_spec_names_the_field_that_is_wrong(spec, changes, field):
    with pytest.raises(InvalidRequestError, match=field) as caught:
        replace(spec, **changes)
    assert caught.value.violations[0].field == field


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_budget_is_positive(seconds):
    with pytest.raises(InvalidRequestError, match="max_duration"):
        Budget(seconds)


@pytest.mark.parametrize("cost", [-1.0, float("inf"), float("nan")])
def test_a_cost_is_a_finite_number(cost):
    with pytest.raises(InvalidRequestError, match="cost"):
        LabelColumn("a", cost=cost)


def test_quotas_name_what_is_used_up():
    quota = TenantQuota(max_active_jobs=2, max_labels=100, max_stored_models=5)
    check_usage(quota, "acme", TenantUsage(1, 3))
    check_rows(quota, "acme", 100)
    with pytest.raises(QuotaExceededError, match="2 jobs have not ended") as caught:
        check_usage(quota, "acme", TenantUsage(2, 0))
    assert (caught.value.reason, caught.value.subject) == ("JOB_QUOTA", "tenant:acme")
    with pytest.raises(QuotaExceededError, match="4 models are stored"):
        check_usage(quota, "acme", TenantUsage(1, 4))
    with pytest.raises(QuotaExceededError, match="101 rows"):
        check_rows(quota, "acme", 101)


@pytest.mark.parametrize(
    ("verdict", "is_calibrated"), [v for v in product(Verdict, [True, False]) if v[0] is Verdict.HURTS or not v[1]]
)
def test_what_hurts_or_is_not_calibrated_needs_a_reason(verdict, is_calibrated):
    result = replace(RESULT, verdict=verdict, is_calibrated=is_calibrated)
    with pytest.raises(FailedPreconditionError, match="override reason"):
        promotion_of(result, "  ")
    assert promotion_of(result, "we know why") is AuditAction.OVERRIDE


@pytest.mark.parametrize("verdict", [Verdict.HELPS, Verdict.NEUTRAL])
def test_what_helps_is_promoted_as_it_is(verdict):
    assert promotion_of(replace(RESULT, verdict=verdict), "") is AuditAction.PROMOTE


def test_rollbacks_undo_promotions_one_by_one():
    def entries(*steps):
        return [AuditEntry(NOW, "acme", "r", action, "m", version) for action, version in steps]

    promote, back = AuditAction.PROMOTE, AuditAction.ROLLBACK
    history = entries((promote, "1"), (AuditAction.OVERRIDE, "2"), (promote, "3"), (back, "2"), (back, "1"))
    assert [entry.version for entry in standing_champions(history[:3])] == ["1", "2", "3"]
    assert [entry.version for entry in standing_champions(history[:4])] == ["1", "2"]
    assert [entry.version for entry in standing_champions(history)] == ["1"]
