import dataclasses
import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import finetune_server
import numpy as np
import pandas as pd
import pytest

from epitaxy.api.models.v1 import governance_pb2
from epitaxy.client import (
    Client,
    FineTuneFailedError,
    InvalidRequestError,
    LabelColumn,
    NotFoundError,
    QuotaExceededError,
    ReviewPolicy,
    UnavailableError,
)
from epitaxy.client.finetune.results import BestSimple, FineTuneResult

_tenants = (f"tenant-{number}" for number in count())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    with finetune_server.serving_finetune(tmp_path_factory.mktemp("finetune")) as (target, rig):
        yield target, rig


@pytest.fixture
def rig(served: tuple[str, Any]) -> Iterator[Any]:
    gates = served[1].gates
    gates.released.clear()
    yield served[1]
    gates.released.set()
    gates.drops_left.clear()


@pytest.fixture
def client(connect: Any, served: tuple[str, Any], rig: Any) -> Iterator[Client]:
    with connect(served[0], next(_tenants)) as client:
        yield client


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return list(finetune_server.crystals(30))


def tenant_of(client: Client) -> str:
    return str(client._connection.api_key)


def grow(client: Client, rows: Any, name: str = "my-tc", **options: Any) -> Any:
    return client.finetune(rows, column="tc_k", unit="K", name=name, **options)


def arrays_of(structure: Any) -> tuple[Any, ...]:
    return tuple(getattr(structure, name).tolist() for name in ("lattice", "atomic_numbers", "frac_coords"))


def test_a_job_is_waited_for_and_gives_verdict_strategy_and_errors(client: Client, rows: Any) -> None:
    job = grow(client, rows)
    result = job.wait(timeout=200)
    assert (result.model, result.model_version, result.verdict, result.strategy) == ("my-tc", "1", "HELPS", "median")
    assert result.cross_validated_mae == pytest.approx({"median": 7.5, "zero": 14.5})
    assert result.model_digest.startswith("sha256:")
    assert result.is_calibrated
    assert job.status.state == "SUCCEEDED"
    assert (job.status.n_rows, job.status.n_labels, job.status.unit, job.status.property_name) == (30, 30, "K", "tc")
    assert job.status.end_time is not None
    assert repr(job) == f"FineTuneJob({job.id!r}, model='my-tc', state='SUCCEEDED')"


def test_structures_go_packed_and_labels_with_gaps_and_low_fidelity_arrive(client: Client, rig: Any, rows: Any) -> None:
    rows[3]["tc_k"], rows[4]["tc_dft"] = None, ""
    job = grow(client, rows, low_fidelity=["tc_dft:PBE:0.5"], fidelity="exp", cost=100, transform="log1p", seed=7)
    table = rig.labels_of(tenant_of(client), job.id)
    assert table.ids == [f"c{index}" for index in range(30)]
    assert {type(cell).__name__ for cell in table.cells} == {"Structure"}  # neither texts nor refusals
    assert np.flatnonzero(np.isnan(table.values["tc_k"])).tolist() == [3]
    assert np.flatnonzero(np.isnan(table.values["tc_dft"])).tolist() == [4]
    assert job.status.n_labels == 29
    structures = [structure for _, structure in table.read_structures()]
    np.testing.assert_allclose(structures[5].lattice, rows[5]["structure"]["lattice"])


def test_the_specification_arrives_as_asked(client: Client, rows: Any) -> None:
    from epitaxy.api.finetune.v1 import finetune_pb2

    low = LabelColumn("tc_dft", "PBE", 0.5)
    job = grow(
        client, rows, name="held-spec", property_name="critical_temperature", low_fidelity=[low], fidelity="experiment",
        cost=100.0, transform="log10", seed=7, strategies=["pool_median"], max_seconds=90.5,
    )  # fmt: skip
    request = finetune_pb2.GetFineTuneJobRequest(job_id=job.id)
    spec = client._jobs._calls.repeat(client._jobs._calls.stub.GetFineTuneJob, request).job.spec
    assert (spec.target.name, spec.target.fidelity, spec.target.cost) == ("tc_k", 12, 100.0)
    assert [(one.name, one.fidelity, one.cost) for one in spec.low_fidelity] == [("tc_dft", 1, 0.5)]
    assert (spec.transform, spec.seed, spec.property_name) == (
        finetune_pb2.LABEL_TRANSFORM_LOG10,
        7,
        "critical_temperature",
    )
    assert (list(spec.budget.strategies), spec.budget.max_duration.ToMilliseconds()) == (["pool_median"], 90_500)
    job.cancel()


def test_a_data_frame_rows_and_columns_make_the_same_labels(client: Client, rig: Any, rows: Any) -> None:
    rows[2]["tc_k"] = None
    frame = pd.DataFrame(rows)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    tables = []
    for data in (rows, frame, columns):
        job = grow(client, data)
        job.wait(200)
        tables.append(rig.labels_of(tenant_of(client), job.id))
    for table in tables[1:]:
        assert [arrays_of(cell) for cell in table.cells] == [arrays_of(cell) for cell in tables[0].cells]
        assert table.ids == tables[0].ids
        np.testing.assert_array_equal(table.values["tc_k"], tables[0].values["tc_k"])


def test_watching_tells_every_stage_in_order_over_broken_streams(client: Client, rig: Any, rows: Any) -> None:
    rig.gates.drops_left["WatchFineTuneJob"] = 1
    rig.gates.drops_left["WatchFineTuneJob-middle"] = 2
    job = grow(client, rows, name="held-watch")
    events = []
    for event in job.watch():
        events.append(event)
        if event.state == "TRAINING":
            rig.gates.released.set()
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    states = list(dict.fromkeys(event.state for event in events))
    assert states == ["PENDING", "AUDITING", "TRAINING", "EVALUATING", "SUCCEEDED"]
    training = next(event for event in events if event.state == "TRAINING")
    assert (training.progress.fraction, training.progress.message) == (0.25, "fitting [block_gp]")
    assert training.progress.metrics == {"mae_k": 1.5}
    assert job.status.state == "SUCCEEDED"
    assert rig.gates.drops_left.total() == 0


def test_waiting_gives_up_in_time_and_can_go_on(client: Client, rig: Any, rows: Any) -> None:
    job = grow(client, rows, name="held-wait")
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"has not ended after 0\.5 s; it goes on"):
        job.wait(timeout=0.5)
    assert time.monotonic() - began < 25
    with pytest.raises(FineTuneFailedError, match=r"wait\(\) for its end"):
        job.result  # noqa: B018 - raises
    rig.gates.released.set()
    assert job.wait(200).model == "held-wait"


def test_a_failed_job_raises_its_reason_and_remedy(client: Client, rows: Any) -> None:
    job = grow(client, rows, name="broken-one")
    with pytest.raises(FineTuneFailedError, match="3 usable labels: add 7") as caught:
        job.wait(200)
    assert caught.value.reason == "TOO_FEW_USABLE_LABELS"


def test_a_cancelled_job_makes_nothing(client: Client, rows: Any) -> None:
    job = grow(client, rows, name="held-cancel")
    assert job.cancel().state == "CANCELLED"
    with pytest.raises(FineTuneFailedError, match="CANCELLED: create it again"):
        job.wait(200)


def test_the_report_comes_whole_though_the_stream_breaks(client: Client, rig: Any, rows: Any, tmp_path: Path) -> None:
    job = grow(client, rows, name="reported")
    with pytest.raises(NotFoundError, match="has no report"):
        grow(client, rows, name="held-report").report()
    job.wait(200)
    rig.gates.drops_left["GetTransferReport-middle"] = 1
    page = job.save_report(tmp_path / "r.html").read_bytes()
    assert page.startswith(b"<!doctype html><title>reported")
    assert len(page) > 3 << 20
    assert job.report()["verdict"]["sentence"] == "Transfer helps by half."
    assert json.loads(job.save_report(tmp_path / "r.json").read_text())["data"]["n_rows"] == 30


def test_promotion_override_and_rollback(client: Client, rows: Any) -> None:
    # One after the other: versions count in the order in which jobs end.
    first = grow(client, rows)
    first.wait(200)
    second = grow(client, rows[:25])
    second.wait(200)
    assert (first.promote().version, first.promote().previous_version) == ("1", "1")
    change = client.promote_model("my-tc")
    assert (change.model, change.version, change.previous_version) == ("my-tc", "2", "1")
    tenant, _, name = change.served_as.partition("/")
    assert tenant
    assert name == "my-tc"
    assert second.result.served_as == change.served_as
    back = client.rollback_model("my-tc", "worse on oxides")
    assert (back.version, back.previous_version) == ("1", "2")
    with pytest.raises(InvalidRequestError, match="promote another version"):
        client.rollback_model("my-tc")


@pytest.mark.parametrize("name", ["hurts-it", "loose-one"])
def test_a_doubtful_model_is_promoted_for_a_reason_only(client: Client, rows: Any, name: str) -> None:
    job = grow(client, rows, name=name)
    job.wait(200)
    with pytest.raises(InvalidRequestError, match="give an override reason"):
        job.promote()
    assert job.promote("for a comparison").version == "1"


def test_every_decision_stands_in_the_log_also_after_all_data_are_deleted(client: Client, rows: Any) -> None:
    grow(client, rows, name="hurts-it").wait(200)
    client.promote_model("hurts-it", override_reason="a comparison")
    policy = ReviewPolicy({"tc": 3.0}, 0.8, 0.97, "REJECT", (48, 82))
    assert client.set_review_policy("hurts-it", policy, "new limits") == policy
    client.delete_tenant_data(confirm=True)
    log = list(client.audit_log())
    assert [(entry.action, entry.model) for entry in log] == [
        ("DELETE_TENANT", ""), ("POLICY", "hurts-it"), ("OVERRIDE", "hurts-it"),
    ]  # fmt: skip
    assert [entry.reason for entry in log] == ["", "new limits", "a comparison"]
    assert [entry.create_time for entry in log] == sorted((entry.create_time for entry in log), reverse=True)
    assert all(entry.request_id for entry in log)
    assert log[1].digest.startswith("sha256:")
    assert log[2].version == "1"
    assert list(client._governance.audit("", page_size=1)) == log
    with pytest.raises(InvalidRequestError, match="page_token"):
        client._calls.repeat(
            client._governance.stub.ListAuditEntries, governance_pb2.ListAuditEntriesRequest(page_token="forged")
        )


def test_another_tenant_sees_nothing_of_the_log_and_sets_no_policy(
    connect: Any, client: Client, served: Any, rows: Any
) -> None:
    grow(client, rows).wait(200)
    client.promote_model("my-tc")
    with connect(served[0], next(_tenants)) as other:
        assert list(other.audit_log()) == []
        with pytest.raises(NotFoundError, match="my-tc"):
            other.set_review_policy("my-tc", ReviewPolicy())
    assert [entry.action for entry in client.audit_log("my-tc")] == ["PROMOTE"]


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (ReviewPolicy({"gap": 1.0}), "the model has no gap; it has tc"),
        (ReviewPolicy({"tc": -1.0}), "must be positive"),
        (ReviewPolicy(interval_coverage=0.4), "coverage must lie between"),
        (ReviewPolicy(forbidden_elements=(119,)), "no atomic numbers: 119"),
    ],
)
def test_a_policy_that_makes_no_sense_changes_nothing(client: Client, rows: Any, policy: Any, message: str) -> None:
    grow(client, rows).wait(200)
    with pytest.raises(InvalidRequestError, match=message):
        client.set_review_policy("my-tc", policy)
    assert list(client.audit_log()) == []


def test_jobs_are_listed_latest_first_over_pages_and_found_by_model(client: Client, rows: Any) -> None:
    jobs = []
    for name in ("a", "b", "a"):
        jobs.append(grow(client, rows[:20], name=name))
        jobs[-1].wait(200)
    listed = list(client.finetune_jobs())
    assert [status.id for status in listed] == [job.id for job in reversed(jobs)]
    assert [status.id for status in client._jobs.recent(page_size=1)] == [job.id for job in reversed(jobs)]
    assert [status.model for status in client.finetune_jobs("a")] == ["a", "a"]
    assert client.finetune_job("a").id == jobs[2].id
    assert client.finetune_job(jobs[0].id).status.state == "SUCCEEDED"
    with pytest.raises(NotFoundError, match="there is no such job"):
        client.finetune_job("nothing-of-the-kind")


def test_a_lost_answer_to_create_makes_no_second_job(client: Client, rig: Any, rows: Any) -> None:
    rig.gates.drops_left["CreateFineTuneJob-after"] = 2
    grow(client, rows)
    assert rig.gates.drops_left.total() == 0
    assert len(list(client.finetune_jobs())) == 1


def test_a_lost_answer_to_a_decision_makes_no_second_decision(client: Client, rig: Any, rows: Any) -> None:
    for labels in (rows, rows[:25], rows[:20]):
        grow(client, labels).wait(200)
    client.promote_model("my-tc", "2")
    client.promote_model("my-tc", "3")
    for method in ("PromoteModel", "RollbackModel", "SetReviewPolicy"):
        rig.gates.drops_left[f"{method}-after"] = 2
    back = client.rollback_model("my-tc")
    assert (back.version, back.previous_version) == ("2", "3")
    forward = client.promote_model("my-tc", "3")
    assert (forward.version, forward.previous_version) == ("3", "2")
    assert client.set_review_policy("my-tc", ReviewPolicy(max_domain_score=0.9)).max_domain_score == 0.9
    assert rig.gates.drops_left.total() == 0
    actions = [entry.action for entry in client.audit_log("my-tc")]
    assert actions == ["POLICY", "PROMOTE", "ROLLBACK", "PROMOTE", "PROMOTE"]


def test_an_equal_request_id_gets_the_first_decision(client: Client, rows: Any) -> None:
    for labels in (rows, rows[:25]):
        grow(client, labels).wait(200)
    client.promote_model("my-tc", "1")
    first = client.promote_model("my-tc", "2", request_id="once")
    assert client.promote_model("my-tc", "2", request_id="once") == first
    back = client.rollback_model("my-tc", request_id="back")
    assert client.rollback_model("my-tc", request_id="back") == back
    policy = ReviewPolicy(max_domain_score=0.9)
    assert client.set_review_policy("my-tc", policy, request_id="policy") == policy
    with pytest.raises(InvalidRequestError, match="request"):
        client.set_review_policy("my-tc", ReviewPolicy(), request_id="policy")
    assert [entry.action for entry in client.audit_log()] == ["POLICY", "ROLLBACK", "PROMOTE", "PROMOTE"]


def test_an_equal_request_id_gets_the_same_job(client: Client, rows: Any) -> None:
    assert grow(client, rows, request_id="once").id == grow(client, rows, request_id="once").id
    assert len(list(client.finetune_jobs())) == 1


def test_a_full_quota_is_said_at_once(client: Client, rows: Any) -> None:
    for number in range(2):
        grow(client, rows, name=f"held-{number}")
    began = time.monotonic()
    with pytest.raises(QuotaExceededError, match="2 jobs have not ended"):
        grow(client, rows)
    assert time.monotonic() - began < 25


def test_all_of_a_tenant_can_be_deleted_and_nothing_of_another(
    connect: Any, client: Client, served: Any, rows: Any
) -> None:
    with connect(served[0], next(_tenants)) as other:
        kept = grow(other, rows)
        kept.wait(200)
        grow(client, rows).wait(200)
        with pytest.raises(InvalidRequestError, match="nothing brings the data back"):
            client.delete_tenant_data(confirm=False)
        deleted = client.delete_tenant_data(confirm=True)
        assert (deleted.n_jobs, deleted.n_models) == (1, 1)
        assert list(client.finetune_jobs()) == []
        assert kept.refresh().state == "SUCCEEDED"
        with pytest.raises(NotFoundError, match="there is no such job"):
            client.finetune_job(kept.id)


def test_a_table_at_the_server_is_read_there(client: Client, rig: Any, rows: Any) -> None:
    folder = rig.labels_folder / tenant_of(client)
    folder.mkdir(parents=True)
    flat = [row | {"crystal": json.dumps(row["structure"])} for row in rows]
    pd.DataFrame(flat).drop(columns="structure").to_parquet(folder / "labels.parquet")
    uri = (folder / "labels.parquet").as_uri()
    job = grow(client, uri, structure_column="crystal", id_column="id")
    assert job.wait(200).cross_validated_mae["median"] == pytest.approx(7.5)
    assert rig.labels_of(tenant_of(client), job.id).ids[:2] == ["c0", "c1"]
    assert job.status.n_rows == 30


def test_too_few_labels_are_refused_with_the_number_that_is_missing(client: Client, rows: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"7 rows have a value of tc_k; at least 10 are needed.*add 3"):
        grow(client, rows[:7])
    assert list(client.finetune_jobs()) == []


def test_best_simple_is_the_best_of_head_line_and_median() -> None:
    errors = {"stack": 0.34, "substrate_head": 0.36, "substrate_line": 0.37, "pool_median": 0.97}
    result = FineTuneResult("gap", "1", "sha256:0", "HELPS", "stack", errors, is_calibrated=True, served_as="local/gap")
    assert result.best_simple == BestSimple("substrate_head", 0.36)
    assert dataclasses.replace(result, cross_validated_mae={"stack": 0.34}).best_simple is None
