# Generated from async_jobs.py by tools/generate_client.py: do not edit, run `make generate`.
"""The tenant's fine-tune jobs."""

from collections.abc import Generator
from contextlib import closing
from typing import Any

from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.client.connection import new_request_id
from epitaxy.client.errors import InvalidRequestError, NotFoundError
from epitaxy.client.finetune.calls import FineTuneCalls
from epitaxy.client.finetune.columns import FineTuneRequest
from epitaxy.client.finetune.job import FineTuneJob
from epitaxy.client.finetune.labels import Labels
from epitaxy.client.finetune.reading import read_status
from epitaxy.client.finetune.render import JobStatus
from epitaxy.client.finetune.results import DeletedData
from epitaxy.client.models.governance import ModelGovernance
from epitaxy.client.models.selector import parse_model

_PAGE_SIZE = 100


class FineTuneJobs:
    """Creates, finds, lists and deletes jobs."""

    def __init__(self, calls: FineTuneCalls, governance: ModelGovernance) -> None:
        self._calls = calls
        self._governance = governance

    def create(
        self, asked: FineTuneRequest, labels: Labels | finetune_pb2.LabelFile, request_id: str = ""
    ) -> FineTuneJob:
        """Sends labels and starts a job; a repeated ``request_id`` gets the job that the first call made."""
        request = finetune_pb2.CreateFineTuneJobRequest(
            request_id=request_id or new_request_id(), spec=asked.to_proto(), **_source(labels)
        )
        response = self._calls.repeat(self._calls.stub.CreateFineTuneJob, request)
        return self._handle(read_status(response.job))

    def columns_of(self, model: str) -> tuple[str, ...]:
        """Label columns of the job that made ``NAME:VERSION``, or the latest version of a name; the target first."""
        made = self.get(model, with_model=True)
        request = finetune_pb2.GetFineTuneJobRequest(job_id=made.id)
        job = (self._calls.repeat(self._calls.stub.GetFineTuneJob, request)).job
        return (job.spec.target.name, *(column.name for column in job.spec.low_fidelity))

    def refit(
        self,
        model: str,
        labels: Labels | finetune_pb2.LabelFile | None,
        *,
        max_seconds: float | None,
        use_gpu: bool,
        request_id: str = "",
    ) -> FineTuneJob:
        """Starts a refit of ``NAME`` (its champion) or ``NAME:VERSION``; labels None: those that the server keeps."""
        selector = parse_model(model)
        if selector.alias:
            raise _alias_error(model)
        budget = finetune_pb2.FineTuneBudget(use_gpu=use_gpu)
        if max_seconds is not None:
            budget.max_duration.FromMilliseconds(max(1, round(max_seconds * 1000)))
        request = finetune_pb2.CreateFineTuneJobRequest(
            request_id=request_id or new_request_id(),
            spec=finetune_pb2.FineTuneSpec(model_name=selector.name.rpartition("/")[2], budget=budget),
            refit=finetune_pb2.Refit(model_version=selector.version),
            **({} if labels is None else _source(labels)),
        )
        response = self._calls.repeat(self._calls.stub.CreateFineTuneJob, request)
        return self._handle(read_status(response.job))

    def get(self, job_or_model: str, *, with_model: bool = False) -> FineTuneJob:
        """A job by its id, the job of ``NAME:VERSION``, or the latest one of a model by its name.

        Args:
            job_or_model: Id of a job, ``NAME`` or ``NAME:VERSION``, with or without ``TENANT/`` before it.
            with_model: True to pass over jobs of a name that made no model, or none yet.

        Raises:
            InvalidRequestError: The text names a model by an alias.
            NotFoundError: There is no such job.
        """
        request = finetune_pb2.GetFineTuneJobRequest(job_id=job_or_model)
        try:
            job = (self._calls.repeat(self._calls.stub.GetFineTuneJob, request)).job
        except NotFoundError:
            return self._handle(self._of_model(job_or_model, with_model))
        return self._handle(read_status(job))

    def _of_model(self, text: str, with_model: bool) -> JobStatus:
        selector = parse_model(text)
        if selector.alias:
            raise _alias_error(text)
        is_named_only = not (selector.version or with_model)
        with closing(self.recent(selector.name, page_size=1 if is_named_only else _PAGE_SIZE)) as found:
            for status in found:
                result = status.result
                if is_named_only or (result is not None and selector.version in ("", result.model_version)):
                    return status
        what = " that made a model" if with_model and not selector.version else ""
        raise NotFoundError(f"there is no such job: {text!r}{what}; list the jobs", reason="UNKNOWN_JOB")

    def recent(self, model: str = "", page_size: int = _PAGE_SIZE) -> Generator[JobStatus]:
        """Yields jobs, the latest first, of one model if a name is given; pages are fetched as they are needed."""
        token = ""
        while True:
            request = finetune_pb2.ListFineTuneJobsRequest(page_size=page_size, page_token=token, model_name=model)
            response = self._calls.repeat(self._calls.stub.ListFineTuneJobs, request)
            for job in response.jobs:
                yield read_status(job)
            token = response.next_page_token
            if not token:
                return

    def delete_everything(self, *, confirm: bool) -> DeletedData:
        """Removes all data of the tenant; nothing brings them back."""
        request = finetune_pb2.DeleteTenantDataRequest(confirm=confirm)
        done = self._calls.repeat(self._calls.stub.DeleteTenantData, request)
        return DeletedData(done.n_jobs, done.n_models)

    def _handle(self, status: JobStatus) -> FineTuneJob:
        return FineTuneJob(self._calls, self._governance, status)


def _source(labels: Labels | finetune_pb2.LabelFile) -> dict[str, Any]:
    return {"inline": labels.to_proto()} if isinstance(labels, Labels) else {"file": labels}


def _alias_error(text: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{text!r} names a model by an alias: write NAME or NAME:VERSION", reason="INVALID_MODEL_NAME"
    )
