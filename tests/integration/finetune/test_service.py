"""The whole service over gRPC: one tenant's jobs and models, and what another tenant sees of them: nothing."""

import asyncio
import json
import urllib.request
from functools import partial

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc
from service_caller import SECRET, Caller, failure, reason

from epitaxy.api.finetune.v1 import finetune_pb2 as pb
from epitaxy.api.models.v1 import governance_pb2
from epitaxy.chassis.model_names import ModelName
from epitaxy.chassis.signed_calls import signed
from epitaxy.database.tables import Database
from epitaxy.finetune.store.ledger import SqlLedger
from epitaxy.registry.mlflow_registry import MlflowRegistry

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")


async def report(caller, job_id, kind):
    request = pb.GetTransferReportRequest(job_id=job_id, format=kind)
    return [answer async for answer in caller.stub.GetTransferReport(request, metadata=caller.metadata, timeout=60)]


async def test_a_job_goes_from_labels_to_a_candidate_with_its_report(caller, new_request, registry_settings):
    created = await caller.create(new_request())
    assert (created.n_rows, created.n_labels) == (12, 12)
    messages = await caller.watch(created.id)
    assert [message.event.sequence for message in messages[:-1]] == list(range(1, len(messages)))
    states = [pb.JobState.Name(message.event.state) for message in messages[:-1]]
    order = [f"JOB_STATE_{name}" for name in ("PENDING", "AUDITING", "TRAINING", "EVALUATING", "SUCCEEDED")]
    assert list(dict.fromkeys(states)) == order
    job = messages[-1].job
    assert job.result.verdict == pb.TRANSFER_VERDICT_HELPS
    assert (job.result.strategy, dict(job.result.cross_validated_mae)) == ("pool_median", {"pool_median": 1.5})
    assert job.result.sentence == job.progress.message == "The mean will do."
    found = MlflowRegistry(registry_settings).resolve(ModelName(caller.tenant, "my-tc"), alias="candidate")
    assert found.version.version == job.result.model_version
    assert found.version.digest == job.result.model_digest
    assert json.loads((found.folder / "card.json").read_text())["training"]["mean"] == 5.5
    written = json.loads((await report(caller, job.id, pb.REPORT_FORMAT_JSON))[0].chunk)
    origin = written.pop("origin")
    assert written == {"mean": 5.5}
    assert (origin["model"], origin["version"], origin["job"]) == ("my-tc", job.result.model_version, job.id)
    pieces = await report(caller, job.id, pb.REPORT_FORMAT_HTML)
    assert len(pieces) == 4
    assert len(b"".join(piece.chunk for piece in pieces)) == pieces[0].total_bytes == 3 * 2**20 + 17


async def test_a_repeated_request_makes_one_job(caller, new_request):
    jobs = await asyncio.gather(*(caller.create(new_request(request_id="r1")) for _ in range(4)))
    assert len({job.id for job in jobs}) == 1
    error = await failure(caller.create(new_request(request_id="r1", seed=1)))
    assert (error.code(), reason(error)) == (grpc.StatusCode.FAILED_PRECONDITION, "REQUEST_ID_REUSED")
    assert (await caller.other().create(new_request(request_id="r1"))).id != jobs[0].id


async def test_another_tenant_finds_nothing_at_all(caller, new_request):
    job = await caller.finish(new_request())
    other = caller.other()
    requests = {
        "GetFineTuneJob": pb.GetFineTuneJobRequest,
        "CancelFineTuneJob": pb.CancelFineTuneJobRequest,
    }
    for method, request in requests.items():
        foreign = await failure(other.call(method, request(job_id=job.id)))
        absent = await failure(other.call(method, request(job_id="ft-" + "0" * 32)))
        assert foreign.code() is absent.code() is grpc.StatusCode.NOT_FOUND
        assert foreign.details() == absent.details()
    for stream in (other.watch(job.id), report(other, job.id, pb.REPORT_FORMAT_HTML)):
        assert (await failure(stream)).code() is grpc.StatusCode.NOT_FOUND
    promote = governance_pb2.PromoteModelRequest(model_name="my-tc", version="1")
    assert (await failure(other.call("PromoteModel", promote))).code() is grpc.StatusCode.NOT_FOUND
    rollback = governance_pb2.RollbackModelRequest(model_name="my-tc")
    assert (await failure(other.call("RollbackModel", rollback))).code() is grpc.StatusCode.NOT_FOUND
    assert not (await other.call("ListFineTuneJobs", pb.ListFineTuneJobsRequest())).jobs
    assert (await other.call("DeleteTenantData", pb.DeleteTenantDataRequest(confirm=True))).n_jobs == 0
    assert (await caller.call("GetFineTuneJob", pb.GetFineTuneJobRequest(job_id=job.id))).job == job


async def test_a_foreign_page_token_shows_no_foreign_jobs(start_service, new_request):
    service = await start_service(quota={"max_active_jobs": 10})
    service.runner.is_paused = True
    first, second = service.caller, service.caller.other()
    for _ in range(3):
        await first.create(new_request())
    own = await second.create(new_request())
    page = await first.call("ListFineTuneJobs", pb.ListFineTuneJobsRequest(page_size=2))
    rest = pb.ListFineTuneJobsRequest(page_size=2, page_token=page.next_page_token)
    assert len((await first.call("ListFineTuneJobs", rest)).jobs) == 1
    assert {job.id for job in (await second.call("ListFineTuneJobs", rest)).jobs} <= {own.id}
    bad = await failure(first.call("ListFineTuneJobs", pb.ListFineTuneJobsRequest(page_token="AAAA")))
    assert bad.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("x-tenant", "acme"),),
        (("x-tenant", "acme"), ("x-gateway-secret", "guess")),
        (("x-gateway-secret", SECRET),),
        (("x-tenant", "acme"), *signed("guess", "acme", "ListFineTuneJobs")),
        (("x-tenant", "acme"), *signed(SECRET, "globex", "ListFineTuneJobs")),
        (("x-tenant", "acme"), ("x-gateway-secret", SECRET), ("x-gateway-signature", "v1.1.00")),
    ],
)
async def test_only_the_gateway_with_a_tenant_is_heard(service, metadata):
    call = service.caller.stub.ListFineTuneJobs(pb.ListFineTuneJobsRequest(), metadata=metadata)
    assert (await failure(call)).code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_signed_call_is_heard_without_the_secret(service):
    metadata = (("x-tenant", "acme"), *signed(SECRET, "acme", "ListFineTuneJobs"))
    await service.caller.stub.ListFineTuneJobs(pb.ListFineTuneJobsRequest(), metadata=metadata)


async def test_a_cancelled_job_ends_at_once_and_makes_no_model(caller, new_request, registry_settings):
    job = await caller.create(new_request("slow"))
    cancelled = await caller.call("CancelFineTuneJob", pb.CancelFineTuneJobRequest(job_id=job.id))
    assert cancelled.job.state == pb.JOB_STATE_CANCELLED
    assert (await caller.watch(job.id))[-1].job.state == pb.JOB_STATE_CANCELLED
    again = await caller.call("CancelFineTuneJob", pb.CancelFineTuneJobRequest(job_id=job.id))
    assert again.job == cancelled.job
    assert not MlflowRegistry(registry_settings).list(caller.tenant)


async def test_labels_that_make_no_model_fail_with_what_to_do(caller, new_request, registry_settings):
    job = await caller.finish(new_request("bad_labels"))
    assert job.state == pb.JOB_STATE_FAILED
    assert (job.failure.reason, job.failure.message) == ("TOO_FEW_LABELS", "9 of 12 rows are usable, 10 are needed")
    assert not MlflowRegistry(registry_settings).list(caller.tenant)
    request = governance_pb2.PromoteModelRequest(model_name="my-tc")
    assert (await failure(caller.call("PromoteModel", request))).code() is grpc.StatusCode.NOT_FOUND


async def test_a_fault_of_ours_fails_the_job_without_its_text(caller, new_request):
    job = await caller.finish(new_request("bug"))
    assert job.failure.reason == "INTERNAL"
    assert "secret detail" not in str(job)
    assert job.id in job.failure.message


async def test_too_few_labels_are_refused_before_a_job_is_made(caller, new_request):
    error = await failure(caller.create(new_request(n_labels=7)))
    assert (error.code(), reason(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "TOO_FEW_LABELS")
    assert "at least 10 are needed" in error.details()
    assert not (await caller.call("ListFineTuneJobs", pb.ListFineTuneJobsRequest())).jobs


async def test_requests_beyond_the_servers_means_name_their_field(caller, new_request):
    changes = [
        ("use_gpu", pb.FineTuneBudget(use_gpu=True)),
        ("max_duration", pb.FineTuneBudget(max_duration=Duration(seconds=10**7))),
    ]
    for name, budget in changes:
        request = new_request()
        request.spec.budget.CopyFrom(budget)
        error = await failure(caller.create(request))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert name in error.details()
    request = new_request()
    request.spec.base_model = "unknown"
    assert "spec.base_model" in (await failure(caller.create(request))).details()


async def test_quotas_hold_per_tenant(start_service, new_request):
    quotas = {"acme": {"max_active_jobs": 1, "max_labels": 12}, "globex": {"max_labels": 11}}
    service = await start_service(tenant_quotas=quotas)
    service.runner.is_paused = True
    acme, globex = (Caller(service.caller.stub, service.caller.governance, tenant) for tenant in quotas)
    await acme.create(new_request())
    error = await failure(acme.create(new_request()))
    assert (error.code(), reason(error)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "JOB_QUOTA")
    error = await failure(globex.create(new_request()))
    assert (error.code(), reason(error)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LABEL_QUOTA")


async def test_promotion_rollback_and_their_record(caller, new_request, registry_settings, tmp_path):
    for seed in (1, 2):
        await caller.finish(new_request(seed=seed))
    hurting = await caller.finish(new_request("hurts", seed=3))
    error = await failure(caller.call("PromoteModel", governance_pb2.PromoteModelRequest(model_name="my-tc")))
    assert (error.code(), reason(error)) == (grpc.StatusCode.FAILED_PRECONDITION, "OVERRIDE_NEEDED")
    for version in ("1", "2"):
        await caller.call("PromoteModel", governance_pb2.PromoteModelRequest(model_name="my-tc", version=version))
    overridden = await caller.call(
        "PromoteModel", governance_pb2.PromoteModelRequest(model_name="my-tc", override_reason="for the comparison")
    )
    assert (overridden.version, overridden.previous_version) == ("3", "2")
    assert overridden.served_as == f"{caller.tenant}/my-tc"
    registry, model = MlflowRegistry(registry_settings), ModelName(caller.tenant, "my-tc")
    assert registry.aliases(model)["champion"] == "3"
    for version in ("2", "1"):
        rollback = governance_pb2.RollbackModelRequest(model_name="my-tc", reason="worse")
        answer = await caller.call("RollbackModel", rollback)
        assert answer.version == registry.aliases(model)["champion"] == version
    error = await failure(caller.call("RollbackModel", governance_pb2.RollbackModelRequest(model_name="my-tc")))
    assert reason(error) == "NO_PREVIOUS_VERSION"
    ledger = SqlLedger(Database(f"sqlite:///{tmp_path / 'state' / 'jobs.db'}"))
    entries = ledger.entries(caller.tenant)
    assert [entry.action.value for entry in entries] == ["PROMOTE", "PROMOTE", "OVERRIDE", "ROLLBACK", "ROLLBACK"]
    assert (entries[2].reason, entries[2].digest) == ("for the comparison", hurting.result.model_digest)
    assert ledger.is_intact()


async def test_a_damaged_version_is_not_promoted_and_the_champion_stays(
    caller, new_request, registry_settings, tmp_path
):
    for seed in (1, 2, 3):
        await caller.finish(new_request(seed=seed))
    registry, model = MlflowRegistry(registry_settings), ModelName(caller.tenant, "my-tc")
    promote = partial(governance_pb2.PromoteModelRequest, model_name="my-tc")
    for version in ("1", "2"):
        await caller.call("PromoteModel", promote(version=version))
    files = {}
    for version in ("1", "3"):
        found = registry.find(model, version=version)
        registry.fetch(found)  # a whole copy here says nothing of the store
        [files[version]] = registry_settings.folder.rglob(f"{found.run_id}/artifacts/model/card.json")
    files["3"].write_bytes(files["3"].read_bytes()[:-2])
    for override in ("", "I know better"):
        error = await failure(caller.call("PromoteModel", promote(version="3", override_reason=override)))
        assert (error.code(), reason(error)) == (grpc.StatusCode.FAILED_PRECONDITION, "DAMAGED_ARTIFACT")
        assert "my-tc version 3 cannot be served" in error.details()
    files["1"].unlink()
    rollback = governance_pb2.RollbackModelRequest(model_name="my-tc")
    error = await failure(caller.call("RollbackModel", rollback))
    assert error.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE)
    assert registry.aliases(model)["champion"] == "2"
    entries = SqlLedger(Database(f"sqlite:///{tmp_path / 'state' / 'jobs.db'}")).entries(caller.tenant)
    assert [(entry.action.value, entry.version) for entry in entries] == [("PROMOTE", "1"), ("PROMOTE", "2")]


async def test_deletion_removes_jobs_files_and_models_and_stays_on_record(
    caller, new_request, registry_settings, tmp_path
):
    await caller.finish(new_request())
    running = await caller.create(new_request("slow"))
    refused = await failure(caller.call("DeleteTenantData", pb.DeleteTenantDataRequest()))
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    answer = await caller.call("DeleteTenantData", pb.DeleteTenantDataRequest(confirm=True))
    assert (answer.n_jobs, answer.n_models) == (2, 1)
    gone = await failure(caller.call("GetFineTuneJob", pb.GetFineTuneJobRequest(job_id=running.id)))
    assert gone.code() is grpc.StatusCode.NOT_FOUND
    assert not (tmp_path / "state" / "jobs" / caller.tenant).exists()
    assert not MlflowRegistry(registry_settings).list(caller.tenant)
    entries = SqlLedger(Database(f"sqlite:///{tmp_path / 'state' / 'jobs.db'}")).entries(caller.tenant)
    assert [entry.action.value for entry in entries] == ["DELETE_TENANT"]


async def test_labels_by_uri_are_taken_over_when_the_job_is_made(caller, new_request, tmp_path):
    folder = tmp_path / "labels" / caller.tenant
    folder.mkdir(parents=True)
    path = folder / "labels.csv"
    path.write_text("structure,tc_k\n" + "".join(f'"data_x",{n}\n' for n in range(12)))
    request = new_request()
    request.file.uri = path.as_uri()
    job = await caller.create(request)
    path.unlink()
    assert (await caller.watch(job.id))[-1].job.state == pb.JOB_STATE_SUCCEEDED
    error = await failure(caller.other().create(request))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_job_without_a_worker_is_started_by_the_reconciler(start_service, new_request):
    service = await start_service()
    service.runner.is_paused = True
    job = await service.caller.create(new_request())
    await asyncio.sleep(0.3)
    waiting = await service.caller.call("GetFineTuneJob", pb.GetFineTuneJobRequest(job_id=job.id))
    assert waiting.job.state == pb.JOB_STATE_PENDING
    service.runner.is_paused = False
    assert (await service.caller.watch(job.id))[-1].job.state == pb.JOB_STATE_SUCCEEDED


async def test_a_watch_goes_on_after_the_events_that_were_seen(caller, new_request):
    job = await caller.finish(new_request())
    messages = await caller.watch(job.id)
    rest = await caller.watch(job.id, after=messages[2].event.sequence)
    assert rest == messages[3:]


async def test_health_and_metrics_tell_how_jobs_end(service, new_request):
    await service.caller.finish(new_request())
    await service.caller.finish(new_request("bad_labels"))
    stub = health_pb2_grpc.HealthStub(service.channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service="epitaxy.finetune.v1.FineTuneService"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    url = f"http://127.0.0.1:{service.server.metrics_port}/metrics"
    async with asyncio.timeout(60):
        while 'failures_total{reason="TOO_FEW_LABELS"} 1.0' not in (text := await asyncio.to_thread(fetch, url)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # the metrics lie across a network
    assert 'epitaxy_finetune_verdicts_total{strategy="pool_median",verdict="HELPS"} 1.0' in text
    assert 'epitaxy_finetune_job_seconds_count{state="SUCCEEDED"} 1.0' in text
    assert 'epitaxy_finetune_active_jobs{state="TRAINING"} 0.0' in text


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


async def test_a_repeated_decision_gets_the_first_answer_over_the_wire(caller, new_request, registry_settings):
    for seed in (1, 2, 3):
        await caller.finish(new_request(seed=seed))
    for version in ("1", "2", "3"):
        await caller.call("PromoteModel", governance_pb2.PromoteModelRequest(model_name="my-tc", version=version))
    rollback = governance_pb2.RollbackModelRequest(model_name="my-tc", reason="worse", request_id="r1")
    answers = [await caller.call("RollbackModel", rollback) for _ in range(3)]
    assert {(answer.version, answer.previous_version) for answer in answers} == {("2", "3")}
    # The same id for another method, or with another reason, is another request.
    promote = governance_pb2.PromoteModelRequest(model_name="my-tc", version="1", request_id="r1")
    assert reason(await failure(caller.call("PromoteModel", promote))) == "REQUEST_ID_REUSED"
    rollback.reason = "much worse"
    assert reason(await failure(caller.call("RollbackModel", rollback))) == "REQUEST_ID_REUSED"
    policy = governance_pb2.SetReviewPolicyRequest(
        model_name="my-tc", policy={"max_domain_score": 0.5}, request_id="p1"
    )
    for _ in range(2):
        assert (await caller.call("SetReviewPolicy", policy)).policy.interval_coverage == 0.9
    page = await caller.call("ListAuditEntries", governance_pb2.ListAuditEntriesRequest())
    assert [entry.action for entry in page.entries] == ["POLICY", "ROLLBACK", "PROMOTE", "PROMOTE", "PROMOTE"]
    assert MlflowRegistry(registry_settings).aliases(ModelName(caller.tenant, "my-tc"))["champion"] == "2"
    long = governance_pb2.RollbackModelRequest(model_name="my-tc", request_id="x" * 129)
    assert "has more than 128 characters" in (await failure(caller.call("RollbackModel", long))).details()


async def test_every_service_of_the_process_is_healthy(service):
    stub = health_pb2_grpc.HealthStub(service.channel)
    names = ("finetune.v1.FineTuneService", "models.v1.ModelGovernanceService", "internal.v1.MeasurementBackendService")
    async with asyncio.timeout(30):
        for name in names:
            request = health_pb2.HealthCheckRequest(service=f"epitaxy.{name}")
            while (await stub.Check(request)).status != health_pb2.HealthCheckResponse.SERVING:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # readiness is checked now and then
