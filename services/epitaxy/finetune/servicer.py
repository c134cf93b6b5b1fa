"""epitaxy.finetune.v1.FineTuneService: protobuf on one side, the use cases on the other.

The use cases block, so each runs in a thread; the call's context goes with it.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.chassis.errors import InvalidRequestError, UnavailableError
from epitaxy.chassis.model_names import name_within
from epitaxy.chassis.request_context import current_request
from epitaxy.finetune.champions import Caller
from epitaxy.finetune.jobs import Jobs
from epitaxy.finetune.messages import chunks_of, event_message, job_message, refit_of, request_key, source_of, spec_of
from epitaxy.finetune.pages import job_cursor, job_token, page_size
from epitaxy.finetune.ports import Cursor
from epitaxy.finetune.refits import Refits
from epitaxy.finetune.tenant_data import TenantData

REPORT_CHUNK_BYTES = 2**20
_KINDS = {finetune_pb2.REPORT_FORMAT_JSON: "json", finetune_pb2.REPORT_FORMAT_HTML: "html"}


class FineTuneServicer(finetune_pb2_grpc.FineTuneServiceServicer):
    """All methods of the service.

    Args:
        jobs: The use cases of jobs.
        refits: The use case of a refit.
        tenant_data: The use case of deletion.
        default_seconds: Budget of a job that names none, seconds.
        watch_seconds: Pause between two looks at a watched job, seconds.
    """

    def __init__(
        self, jobs: Jobs, refits: Refits, tenant_data: TenantData, default_seconds: float, watch_seconds: float
    ) -> None:
        self._jobs, self._refits, self._tenant_data = jobs, refits, tenant_data
        self._default_seconds, self._watch_seconds = default_seconds, watch_seconds
        self._is_draining = False

    def drain(self) -> None:
        """Ends open watches; their callers watch again at another server or at this one's successor."""
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
        job = await asyncio.to_thread(self._jobs.get, _tenant(), request.job_id)
        return finetune_pb2.GetFineTuneJobResponse(job=job_message(job))

    async def ListFineTuneJobs(  # noqa: N802
        self, request: finetune_pb2.ListFineTuneJobsRequest, context: Any
    ) -> finetune_pb2.ListFineTuneJobsResponse:
        """A page of jobs."""
        size, after = page_size(request.page_size), job_cursor(request.page_token)
        # One more than asked for tells whether another page follows.
        name = name_within(request.model_name, _tenant())
        jobs = await asyncio.to_thread(self._jobs.page, _tenant(), name, size + 1, after)
        shown = jobs[:size]
        token = job_token(Cursor(shown[-1].created_at, shown[-1].id)) if len(jobs) > size else ""
        return finetune_pb2.ListFineTuneJobsResponse(jobs=[job_message(job) for job in shown], next_page_token=token)

    async def CancelFineTuneJob(  # noqa: N802
        self, request: finetune_pb2.CancelFineTuneJobRequest, context: Any
    ) -> finetune_pb2.CancelFineTuneJobResponse:
        """Ends a job."""
        job = await asyncio.to_thread(self._jobs.cancel, _tenant(), request.job_id)
        return finetune_pb2.CancelFineTuneJobResponse(job=job_message(job))

    async def WatchFineTuneJob(  # noqa: N802
        self, request: finetune_pb2.WatchFineTuneJobRequest, context: Any
    ) -> AsyncGenerator[finetune_pb2.WatchFineTuneJobResponse, None]:
        """Events until the job has ended, the job itself last."""
        after = request.after_sequence
        while True:
            events, job = await asyncio.to_thread(self._jobs.events, _tenant(), request.job_id, after)
            for event in events:
                after = event.sequence
                yield finetune_pb2.WatchFineTuneJobResponse(event=event_message(event))
            if events:
                continue
            # The job was read before its events, so all events up to its end have been sent.
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
        content = await asyncio.to_thread(self._jobs.report, _tenant(), request.job_id, kind)
        for chunk in chunks_of(content, REPORT_CHUNK_BYTES):
            yield finetune_pb2.GetTransferReportResponse(chunk=chunk, total_bytes=len(content))

    async def DeleteTenantData(  # noqa: N802
        self, request: finetune_pb2.DeleteTenantDataRequest, context: Any
    ) -> finetune_pb2.DeleteTenantDataResponse:
        """Removes everything of the caller's tenant."""
        caller = Caller(_tenant(), current_request().request_id, current_request().key_id)
        deleted = await asyncio.to_thread(self._tenant_data.delete, caller, confirm=request.confirm)
        return finetune_pb2.DeleteTenantDataResponse(n_jobs=deleted.n_jobs, n_models=deleted.n_models)

    def _create(self, request: finetune_pb2.CreateFineTuneJobRequest) -> finetune_pb2.FineTuneJob:
        """Runs off the event loop as a whole, because thousands of structures take a while to convert."""
        if request.HasField("refit"):
            return job_message(self._refits.create(_tenant(), refit_of(request), request_key(request)))
        spec = spec_of(request.spec, self._default_seconds)
        return job_message(self._jobs.create(_tenant(), spec, source_of(request), request_key(request)))


def _tenant() -> str:
    return current_request().tenant
