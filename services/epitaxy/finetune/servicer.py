"""epitaxy.finetune.v1.FineTuneService: protobuf on one side, the use cases on the other.

The use cases block, so each runs in a thread; the call's context goes with it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.chassis.errors import InvalidRequestError, UnavailableError
from epitaxy.chassis.model_names import ModelName
from epitaxy.chassis.request_context import current_request
from epitaxy.finetune.champions import Caller, Champions, check_confirmation
from epitaxy.finetune.jobs import Jobs
from epitaxy.finetune.messages import chunks_of, event_message, job_message, request_key, source_of, spec_of
from epitaxy.finetune.page_tokens import cursor_of, place_of, place_token, token_of
from epitaxy.finetune.policy_messages import entry_message, policy_message, policy_of
from epitaxy.finetune.ports import Cursor

DEFAULT_PAGE = 50
MAX_PAGE = 100
REPORT_CHUNK_BYTES = 2**20
_KINDS = {finetune_pb2.REPORT_FORMAT_JSON: "json", finetune_pb2.REPORT_FORMAT_HTML: "html"}


class FineTuneServicer(finetune_pb2_grpc.FineTuneServiceServicer):
    """All methods of the service.

    Args:
        service: Jobs.
        desk: Models.
        default_seconds: Budget of a job that names none.
        watch_seconds: Pause between two looks at a watched job.
        delete_measurements: Removes what a tenant has measured.
    """

    def __init__(
        self,
        service: Jobs,
        desk: Champions,
        default_seconds: float,
        watch_seconds: float,
        delete_measurements: Callable[[str], int],
    ) -> None:
        self._service, self._desk, self._delete_measurements = service, desk, delete_measurements
        self._default_seconds, self._watch_seconds = default_seconds, watch_seconds
        self._is_draining = False

    def drain(self) -> None:
        """Ends open watches: their callers come back to another server, or to this one's successor."""
        self._is_draining = True

    async def CreateFineTuneJob(  # noqa: N802  # the RPC's name, as all below
        self, request: finetune_pb2.CreateFineTuneJobRequest, context: Any
    ) -> finetune_pb2.CreateFineTuneJobResponse:
        """Starts a job."""
        job = await asyncio.to_thread(self._create, request)
        return finetune_pb2.CreateFineTuneJobResponse(job=job)

    async def GetFineTuneJob(  # noqa: N802
        self, request: finetune_pb2.GetFineTuneJobRequest, context: Any
    ) -> finetune_pb2.GetFineTuneJobResponse:
        """One job."""
        job = await asyncio.to_thread(self._service.get, _tenant(), request.job_id)
        return finetune_pb2.GetFineTuneJobResponse(job=job_message(job))

    async def ListFineTuneJobs(  # noqa: N802
        self, request: finetune_pb2.ListFineTuneJobsRequest, context: Any
    ) -> finetune_pb2.ListFineTuneJobsResponse:
        """A page of jobs."""
        size, after = _page_size(request.page_size), cursor_of(request.page_token)
        # One more than asked for tells whether another page follows.
        jobs = await asyncio.to_thread(self._service.page, _tenant(), request.model_name, size + 1, after)
        shown = jobs[:size]
        token = token_of(Cursor(shown[-1].created_at, shown[-1].id)) if len(jobs) > size else ""
        return finetune_pb2.ListFineTuneJobsResponse(jobs=[job_message(job) for job in shown], next_page_token=token)

    async def CancelFineTuneJob(  # noqa: N802
        self, request: finetune_pb2.CancelFineTuneJobRequest, context: Any
    ) -> finetune_pb2.CancelFineTuneJobResponse:
        """Ends a job."""
        job = await asyncio.to_thread(self._service.cancel, _tenant(), request.job_id)
        return finetune_pb2.CancelFineTuneJobResponse(job=job_message(job))

    async def WatchFineTuneJob(  # noqa: N802
        self, request: finetune_pb2.WatchFineTuneJobRequest, context: Any
    ) -> AsyncGenerator[finetune_pb2.WatchFineTuneJobResponse, None]:
        """Events until the job has ended, the job itself last."""
        after = request.after_sequence
        while True:
            events, job = await asyncio.to_thread(self._service.events, _tenant(), request.job_id, after)
            for event in events:
                after = event.sequence
                yield finetune_pb2.WatchFineTuneJobResponse(event=event_message(event))
            if events:
                continue
            # The job was read before its events, so that those of its end are all out.
            if job.state.is_terminal:
                yield finetune_pb2.WatchFineTuneJobResponse(job=job_message(job))
                return
            if self._is_draining:
                raise UnavailableError("this server is shutting down: watch again", reason="DRAINING")
            await asyncio.sleep(self._watch_seconds)

    async def GetTransferReport(  # noqa: N802
        self, request: finetune_pb2.GetTransferReportRequest, context: Any
    ) -> AsyncGenerator[finetune_pb2.GetTransferReportResponse, None]:
        """A report in pieces."""
        kind = _KINDS.get(request.format)
        if kind is None:
            raise InvalidRequestError.of_field("format", "must be JSON or HTML")
        content = await asyncio.to_thread(self._service.report, _tenant(), request.job_id, kind)
        for chunk in chunks_of(content, REPORT_CHUNK_BYTES):
            yield finetune_pb2.GetTransferReportResponse(chunk=chunk, total_bytes=len(content))

    async def PromoteModel(  # noqa: N802
        self, request: finetune_pb2.PromoteModelRequest, context: Any
    ) -> finetune_pb2.PromoteModelResponse:
        """Makes a version the champion."""
        arguments = (request.model_name, request.version, request.override_reason)
        change = await asyncio.to_thread(self._desk.promote, _caller(), *arguments)
        return finetune_pb2.PromoteModelResponse(
            model_name=request.model_name,
            version=change.version,
            previous_version=change.previous_version,
            served_as=str(ModelName(_tenant(), request.model_name)),
        )

    async def RollbackModel(  # noqa: N802
        self, request: finetune_pb2.RollbackModelRequest, context: Any
    ) -> finetune_pb2.RollbackModelResponse:
        """Brings the champion before back."""
        change = await asyncio.to_thread(self._desk.roll_back, _caller(), request.model_name, request.reason)
        return finetune_pb2.RollbackModelResponse(
            model_name=request.model_name,
            version=change.version,
            previous_version=change.previous_version,
            served_as=str(ModelName(_tenant(), request.model_name)),
        )

    async def SetReviewPolicy(  # noqa: N802
        self, request: finetune_pb2.SetReviewPolicyRequest, context: Any
    ) -> finetune_pb2.SetReviewPolicyResponse:
        """Makes a policy judge a model's answers."""
        policy = policy_of(request.policy)
        await asyncio.to_thread(self._desk.set_policy, _caller(), request.model_name, policy, request.reason)
        return finetune_pb2.SetReviewPolicyResponse(model_name=request.model_name, policy=policy_message(policy))

    async def ListAuditEntries(  # noqa: N802
        self, request: finetune_pb2.ListAuditEntriesRequest, context: Any
    ) -> finetune_pb2.ListAuditEntriesResponse:
        """A page of the audit log."""
        size, before = _page_size(request.page_size), place_of(request.page_token)
        found = await asyncio.to_thread(self._desk.audit, _tenant(), request.model_name, size + 1, before)
        shown = found[:size]
        token = place_token(shown[-1].sequence) if len(found) > size else ""
        entries = [entry_message(numbered.entry) for numbered in shown]
        return finetune_pb2.ListAuditEntriesResponse(entries=entries, next_page_token=token)

    async def DeleteTenantData(  # noqa: N802
        self, request: finetune_pb2.DeleteTenantDataRequest, context: Any
    ) -> finetune_pb2.DeleteTenantDataResponse:
        """Removes everything of a tenant; jobs first, so that none makes a model any more."""
        check_confirmation(confirm=request.confirm)
        n_jobs = await asyncio.to_thread(self._service.delete_jobs, _tenant())
        await asyncio.to_thread(self._delete_measurements, _tenant())
        n_models = await asyncio.to_thread(self._desk.delete, _caller())
        return finetune_pb2.DeleteTenantDataResponse(n_jobs=n_jobs, n_models=n_models)

    def _create(self, request: finetune_pb2.CreateFineTuneJobRequest) -> finetune_pb2.FineTuneJob:
        """Off the event loop as a whole: thousands of structures take a while to convert."""
        spec = spec_of(request.spec, self._default_seconds)
        return job_message(self._service.create(_tenant(), spec, source_of(request), request_key(request)))


def _page_size(asked: int) -> int:
    if asked > MAX_PAGE:
        raise InvalidRequestError.of_field("page_size", f"is {asked}, at most {MAX_PAGE} go")
    return asked or DEFAULT_PAGE


def _tenant() -> str:
    return current_request().tenant


def _caller() -> Caller:
    return Caller(_tenant(), current_request().request_id)
