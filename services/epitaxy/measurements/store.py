"""Measurements in a database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update

from epitaxy.database.measurement_tables import measured, measurements
from epitaxy.database.tables import Database, tenants
from epitaxy.measurements.domain import (
    WINDOW,
    Conflict,
    Outcome,
    PredictedMeasurement,
    PropertyHealth,
    Recorded,
    Subject,
    Window,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEASUREMENT = [measurements.c[field.name] for field in fields(PredictedMeasurement)]
_WINDOW = [field.name for field in fields(Window)]


class SqlMeasurementStore:
    """Implements MeasurementStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        subject: Subject,
        unit: str,
        reported: Sequence[PredictedMeasurement],
        at: datetime,
        check: Callable[[int], None],
    ) -> tuple[Sequence[Outcome], PropertyHealth]:
        """Keeps what is new while nothing else of the tenant can be added."""
        with self._database.writing() as connection:
            self._lock(connection, subject.tenant)
            known = _known(connection, subject, [measurement.id for measurement in reported])
            new = [measurement for measurement in reported if measurement.id not in known]
            if new:
                check(_held(connection, subject.tenant) + len(new))
                self._add(connection, subject, unit, new, at)
            health = _health(connection, subject) or PropertyHealth(subject, unit)
        return [_outcome(measurement, known.get(measurement.id)) for measurement in reported], health

    def health(self, tenant: str, model: str, version: str) -> Sequence[PropertyHealth]:
        """The properties of a version, by name."""
        own = (measured.c.tenant == tenant, measured.c.model == model, measured.c.version == version)
        with self._database.reading() as connection:
            rows = connection.execute(select(measured).where(*own).order_by(measured.c.property)).mappings().all()
        return [_read_health(row) for row in rows]

    def measured_since(self, at: datetime, limit: int) -> Sequence[PropertyHealth]:
        """What was measured after a time, the latest first."""
        wanted = select(measured).where(measured.c.latest_us > _microseconds(at)).order_by(measured.c.latest_us.desc())
        with self._database.reading() as connection:
            rows = connection.execute(wanted.limit(limit)).mappings().all()
        return [_read_health(row) for row in rows]

    def held(self, tenant: str) -> int:
        """Number of measurements of a tenant."""
        with self._database.reading() as connection:
            return _held(connection, tenant)

    def delete_tenant(self, tenant: str) -> int:
        """Removes all measurements of a tenant."""
        with self._database.writing() as connection:
            self._lock(connection, tenant)
            held = _held(connection, tenant)
            for table in (measurements, measured):
                connection.execute(delete(table).where(table.c.tenant == tenant))
            return held

    def _lock(self, connection: Connection, tenant: str) -> None:
        connection.execute(self._database.insert_new(tenants).values(tenant=tenant))
        connection.execute(select(tenants).where(tenants.c.tenant == tenant).with_for_update())

    def _add(
        self, connection: Connection, subject: Subject, unit: str, new: Sequence[PredictedMeasurement], at: datetime
    ) -> None:
        before = _health(connection, subject)
        n_before = before.n_total if before else 0
        when = _microseconds(at)
        rows = [
            asdict(subject) | asdict(measurement) | {"sequence": number, "recorded_us": when}
            for number, measurement in enumerate(new, start=n_before + 1)
        ]
        connection.execute(insert(measurements), rows)
        line = asdict(Window.of(_latest(connection, subject)))
        line |= {"unit": unit, "n_total": n_before + len(new), "latest_us": when}
        if before is None:
            connection.execute(insert(measured).values(asdict(subject) | line))
        else:
            connection.execute(update(measured).where(*_is_of(measured, subject)).values(line))


def _known(connection: Connection, subject: Subject, ids: Sequence[str]) -> dict[str, PredictedMeasurement]:
    wanted = select(*_MEASUREMENT).where(*_is_of(measurements, subject), measurements.c.id.in_(ids))
    return {row.id: PredictedMeasurement(*row) for row in connection.execute(wanted)}


def _latest(connection: Connection, subject: Subject) -> Sequence[PredictedMeasurement]:
    newest_first = select(*_MEASUREMENT).where(*_is_of(measurements, subject)).order_by(measurements.c.sequence.desc())
    return [PredictedMeasurement(*row) for row in connection.execute(newest_first.limit(WINDOW))]


def _held(connection: Connection, tenant: str) -> int:
    wanted = select(func.coalesce(func.sum(measured.c.n_total), 0)).where(measured.c.tenant == tenant)
    return int(connection.execute(wanted).scalar_one())


def _health(connection: Connection, subject: Subject) -> PropertyHealth | None:
    row = connection.execute(select(measured).where(*_is_of(measured, subject))).mappings().first()
    return None if row is None else _read_health(row)


def _read_health(row: Mapping[Any, Any]) -> PropertyHealth:
    subject = Subject(*(row[field.name] for field in fields(Subject)))
    window = Window(*(row[name] for name in _WINDOW))
    latest_measurement_at = _EPOCH + timedelta(microseconds=row["latest_us"])
    return PropertyHealth(subject, row["unit"], window, row["n_total"], latest_measurement_at)


def _outcome(measurement: PredictedMeasurement, known: PredictedMeasurement | None) -> Outcome:
    if known is None:
        return Recorded(measurement, is_repeat=False)
    if known.value != measurement.value:
        return Conflict(measurement.id, measurement.value, known.value)
    return Recorded(known, is_repeat=True)


def _is_of(table: Table, subject: Subject) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in asdict(subject).items()]


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
