"""The tenant's fine-tune jobs."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.client.connection import new_request_id
from epitaxy.client.errors import NotFoundError
from epitaxy.client.finetune.async_calls import AsyncFineTuneCalls
from epitaxy.client.finetune.async_job import AsyncFineTuneJob
from epitaxy.client.finetune.columns import FineTuneRequest
from epitaxy.client.finetune.labels import Labels
from epitaxy.client.finetune.reading import read_status
from epitaxy.client.finetune.results import DeletedData, JobStatus
from epitaxy.client.models.async_governance import AsyncModelGovernance

_PAGE_SIZE = 100


class AsyncFineTuneJobs:
    """Creates, finds, lists and deletes jobs."""

    def __init__(self, calls: AsyncFineTuneCalls, governance: AsyncModelGovernance) -> None:
        self._calls = calls
        self._governance = governance

    async def create(
        self, asked: FineTuneRequest, labels: Labels | finetune_pb2.LabelFile, request_id: str = ""
    ) -> AsyncFineTuneJob:
        """Sends labels and starts a job; a repeated ``request_id`` gets the job that the first call made."""
        source = {"inline": labels.to_proto()} if isinstance(labels, Labels) else {"file": labels}
        request = finetune_pb2.CreateFineTuneJobRequest(
            request_id=request_id or new_request_id(), spec=asked.to_proto(), **source
        )
        response = await self._calls.repeat(self._calls.stub.CreateFineTuneJob, request)
        return self._handle(read_status(response.job))

    async def get(self, job_or_model: str) -> AsyncFineTuneJob:
        """A job by its id, or the latest one of a model by its name. Raises NotFoundError."""
        request = finetune_pb2.GetFineTuneJobRequest(job_id=job_or_model)
        try:
            job = (await self._calls.repeat(self._calls.stub.GetFineTuneJob, request)).job
        except NotFoundError:
            async with aclosing(self.recent(job_or_model, page_size=1)) as found:
                latest = await anext(found, None)
            if latest is None:
                raise
            return self._handle(latest)
        return self._handle(read_status(job))

    async def recent(self, model: str = "", page_size: int = _PAGE_SIZE) -> AsyncGenerator[JobStatus]:
        """Yields jobs, the latest first, of one model if a name is given; pages are fetched as they are needed."""
        token = ""
        while True:
            request = finetune_pb2.ListFineTuneJobsRequest(page_size=page_size, page_token=token, model_name=model)
            response = await self._calls.repeat(self._calls.stub.ListFineTuneJobs, request)
            for job in response.jobs:
                yield read_status(job)
            token = response.next_page_token
            if not token:
                return

    async def delete_everything(self, *, confirm: bool) -> DeletedData:
        """Removes all data of the tenant; nothing brings them back."""
        request = finetune_pb2.DeleteTenantDataRequest(confirm=confirm)
        done = await self._calls.repeat(self._calls.stub.DeleteTenantData, request)
        return DeletedData(done.n_jobs, done.n_models)

    def _handle(self, status: JobStatus) -> AsyncFineTuneJob:
        return AsyncFineTuneJob(self._calls, self._governance, status)
