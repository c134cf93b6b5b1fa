"""Tables of measurements, in the database of the fine-tune service."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table

from epitaxy.database.tables import metadata

_NAME = String(128)


def _subject_columns() -> list[Column[str]]:
    return [
        Column("tenant", String(63), primary_key=True),
        Column("model", _NAME, primary_key=True),
        Column("version", _NAME, primary_key=True),
        Column("property", _NAME, primary_key=True),
    ]


measurements = Table(
    "measurements",
    metadata,
    *_subject_columns(),
    Column("id", _NAME, primary_key=True),
    # Order of arrival, counted from 1 within the subject.
    Column("sequence", Integer, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("reduced_formula", String, nullable=False),
    Column("value", Double, nullable=False),
    Column("predicted", Double, nullable=False),
    Column("lower", Double, nullable=False),
    Column("upper", Double, nullable=False),
    Column("coverage", Double, nullable=False),
    Index("measurements_in_order", "tenant", "model", "version", "property", "sequence", unique=True),
)
# One row per subject, written with its measurements, so that a scrape of metrics reads no measurement.
measured = Table(
    "measured",
    metadata,
    *_subject_columns(),
    Column("unit", String, nullable=False),
    Column("n_total", Integer, nullable=False),
    Column("latest_us", BigInteger, nullable=False),
    Column("n_measurements", Integer, nullable=False),
    Column("n_inside", Integer, nullable=False),
    Column("nominal_coverage", Double, nullable=False),
    Column("mean_absolute_error", Double, nullable=False),
    Column("bias", Double, nullable=False),
    Index("measured_latest", "latest_us"),
)
