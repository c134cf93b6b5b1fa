"""Jobs and events in a database."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update

from epitaxy.chassis.errors import NotFoundError
from epitaxy.database.documents import Documents
from epitaxy.database.tables import Database, events, jobs, requests, tenants
from epitaxy.finetune.domain.job import ACTIVE_STATES, FineTuneJob, JobEvent, JobState
from epitaxy.finetune.domain.quotas import TenantUsage
from epitaxy.finetune.ports import Cursor, EndedJobs, RequestKey
from epitaxy.finetune.store.ledger import reused_request_id

_JOBS: Documents[FineTuneJob] = Documents(FineTuneJob)
_EVENTS: Documents[JobEvent] = Documents(JobEvent)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SqlJobStore:
    """Implements JobStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_request(self, tenant: str, key: RequestKey) -> FineTuneJob | None:
        """The job of an equal request."""
        with self._database.reading() as connection:
            return _requested(connection, tenant, key)

    def create(self, job: FineTuneJob, key: RequestKey | None, check: Callable[[TenantUsage], None]) -> FineTuneJob:
        """Adds a job while the tenant's row is locked, so that no other job of theirs is added."""
        with self._database.writing() as connection:
            connection.execute(self._database.insert_new(tenants).values(tenant=job.tenant))
            connection.execute(select(tenants).where(tenants.c.tenant == job.tenant).with_for_update())
            found = _requested(connection, job.tenant, key) if key else None
            if found is not None:
                return found
            check(_usage(connection, job.tenant))
            connection.execute(insert(jobs).values(_row(job)))
            _add_event(connection, job)
            if key:
                row = {"tenant": job.tenant, "request_id": key.request_id, "digest": key.digest, "job_id": job.id}
                connection.execute(insert(requests).values(row))
            return job

    def get(self, tenant: str, job_id: str) -> FineTuneJob:
        """One job of a tenant."""
        wanted = select(jobs.c.document).where(jobs.c.id == job_id, jobs.c.tenant == tenant)
        with self._database.reading() as connection:
            document = connection.execute(wanted).scalar()
        if document is None:
            raise unknown_job()
        return _JOBS.read(document)

    def page(self, tenant: str, model_name: str, size: int, after: Cursor | None) -> Sequence[FineTuneJob]:
        """Jobs of a tenant, the latest first."""
        wanted = select(jobs.c.document).where(jobs.c.tenant == tenant)
        if model_name:
            wanted = wanted.where(jobs.c.model_name == model_name)
        if after is not None:
            place = tuple_(jobs.c.created_us, jobs.c.id)
            wanted = wanted.where(place < tuple_(_microseconds(after.created_at), after.job_id))  # type: ignore[arg-type]  # plain values are bound
        return self._all(wanted.order_by(jobs.c.created_us.desc(), jobs.c.id.desc()).limit(size))

    def usage(self, tenant: str) -> TenantUsage:
        """What a tenant holds now."""
        with self._database.reading() as connection:
            return _usage(connection, tenant)

    def change(self, job_id: str, change: Callable[[FineTuneJob], FineTuneJob]) -> FineTuneJob:
        """Applies a change under a lock."""
        with self._database.writing() as connection:
            wanted = select(jobs.c.document).where(jobs.c.id == job_id).with_for_update()
            document = connection.execute(wanted).scalar()
            if document is None:
                raise unknown_job()
            before = _JOBS.read(document)
            after = change(before)
            if after != before:
                connection.execute(update(jobs).where(jobs.c.id == job_id).values(_row(after)))
                _add_event(connection, after)
            return after

    def events(self, job_id: str, after: int, limit: int) -> Sequence[JobEvent]:
        """Events of a job, in order."""
        wanted = select(events.c.document).where(events.c.job_id == job_id, events.c.sequence > after)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.order_by(events.c.sequence).limit(limit)).scalars().all()
        return [_EVENTS.read(document) for document in rows]

    def active(self) -> Sequence[FineTuneJob]:
        """Jobs that have not ended."""
        return self._all(select(jobs.c.document).where(jobs.c.state.in_(ACTIVE_STATES)).order_by(jobs.c.created_us))

    def ended_since(self, at: datetime) -> Sequence[FineTuneJob]:
        """Jobs that ended after a time."""
        return self._all(select(jobs.c.document).where(jobs.c.ended_us > _microseconds(at)).order_by(jobs.c.ended_us))

    def ended_by_model(self, since: datetime, limit: int) -> Sequence[EndedJobs]:
        """Counts jobs that ended, by model and state."""
        groups, count = (jobs.c.tenant, jobs.c.model_name, jobs.c.state), func.count().label("n_jobs")
        ended = select(*groups, count).where(jobs.c.ended_us > _microseconds(since)).group_by(*groups)
        with self._database.reading() as connection:
            rows = connection.execute(ended.order_by(count.desc(), *groups).limit(limit)).all()
        return [EndedJobs(tenant, name, JobState(state), n_jobs) for tenant, name, state, n_jobs in rows]

    def of_version(self, tenant: str, model_name: str, version: str) -> FineTuneJob | None:
        """The latest job that made a version."""
        made = (jobs.c.tenant == tenant, jobs.c.model_name == model_name, jobs.c.version == version)
        found = self._all(select(jobs.c.document).where(*made).order_by(jobs.c.created_us.desc()).limit(1))
        return found[0] if found else None

    def forget_version(self, tenant: str, model_name: str, version: str) -> None:
        """Clears the version in the jobs' rows; their documents stay as they were."""
        made = (jobs.c.tenant == tenant, jobs.c.model_name == model_name, jobs.c.version == version)
        with self._database.writing() as connection:
            connection.execute(update(jobs).where(*made).values(version=None))

    def delete_tenant(self, tenant: str) -> int:
        """Removes a tenant's jobs, their events and request ids."""
        with self._database.writing() as connection:
            own = select(jobs.c.id).where(jobs.c.tenant == tenant)
            count = connection.execute(select(func.count()).select_from(own.subquery())).scalar_one()
            connection.execute(delete(events).where(events.c.job_id.in_(own)))
            connection.execute(delete(requests).where(requests.c.tenant == tenant))
            connection.execute(delete(jobs).where(jobs.c.tenant == tenant))
            return int(count)

    def _all(self, wanted: Any) -> list[FineTuneJob]:
        with self._database.reading() as connection:
            return [_JOBS.read(document) for document in connection.execute(wanted).scalars()]


def unknown_job() -> NotFoundError:
    """The error of an id that is not the caller's: the same whether another tenant has it or nobody."""
    return NotFoundError("there is no such job: list the jobs to see yours", reason="UNKNOWN_JOB")


def _requested(connection: Connection, tenant: str, key: RequestKey) -> FineTuneJob | None:
    wanted = select(requests.c.digest, jobs.c.document).join_from(requests, jobs, requests.c.job_id == jobs.c.id)
    own = wanted.where(requests.c.tenant == tenant, requests.c.request_id == key.request_id)
    row = connection.execute(own).first()
    if row is None:
        return None
    if row.digest != key.digest:
        raise reused_request_id()
    return _JOBS.read(row.document)


def _usage(connection: Connection, tenant: str) -> TenantUsage:
    own = jobs.c.tenant == tenant
    n_active = connection.execute(select(func.count()).where(own, jobs.c.state.in_(ACTIVE_STATES))).scalar_one()
    versions = select(jobs.c.model_name, jobs.c.version).where(own, jobs.c.version.is_not(None)).distinct()
    n_models = connection.execute(select(func.count()).select_from(versions.subquery())).scalar_one()
    return TenantUsage(n_active, n_models)


def _row(job: FineTuneJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "tenant": job.tenant,
        "created_us": _microseconds(job.created_at),
        "ended_us": None if job.ended_at is None else _microseconds(job.ended_at),
        "state": job.state.value,
        "model_name": job.spec.model_name,
        "version": None if job.result is None else job.result.version,
        "document": _JOBS.write(job),
    }


def _add_event(connection: Connection, job: FineTuneJob) -> None:
    last = connection.execute(select(func.max(events.c.sequence)).where(events.c.job_id == job.id)).scalar() or 0
    entry = JobEvent(last + 1, datetime.now(UTC), job.state, job.progress)
    row = {"job_id": job.id, "sequence": entry.sequence, "document": _EVENTS.write(entry)}
    connection.execute(insert(events).values(row))


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
