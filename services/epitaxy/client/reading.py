"""From the wire to values that several kinds of answers share."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from epitaxy.api.common.v1 import property_pb2, review_pb2, structure_pb2
from epitaxy.client.results import CalibrationStamp, ItemError, Note, Repair, Review


def read_item_error(error: structure_pb2.ItemError) -> ItemError:
    """The error of one item; a server that names no reason gets ``UNKNOWN``."""
    return ItemError(error.reason or "UNKNOWN", error.message, error.retryable)


def read_repairs(repairs: Iterable[structure_pb2.Repair]) -> tuple[Repair, ...]:
    """The repairs of one structure, in the server's order."""
    return tuple(Repair(repair.code, repair.message) for repair in repairs)


def read_notes(notes: Iterable[structure_pb2.Note]) -> tuple[Note, ...]:
    """What was left out of one structure, in the server's order."""
    return tuple(Note(note.code, note.message) for note in notes)


def read_calibration(stamp: property_pb2.CalibrationStamp) -> CalibrationStamp:
    """The calibration behind an interval."""
    return CalibrationStamp(
        stamp.method, stamp.n_calibration, stamp.measured_coverage, stamp.nominal_coverage, stamp.n_measured
    )


def read_review(decision: review_pb2.ReviewDecision) -> Review:
    """The judgement by a review policy; empty if the server judged nothing."""
    if not decision.verdict:
        return Review()
    rules = decision.rules
    return Review(
        review_name(decision.verdict), tuple(rule.message for rule in rules), tuple(rule.code for rule in rules)
    )


def fidelity_name(value: int) -> str:
    """``"PBE"`` for ``FIDELITY_PBE``."""
    return enum_name(property_pb2.Fidelity.Name, "FIDELITY_", value)


def review_name(value: int) -> str:
    """``"REVIEW"`` for ``REVIEW_VERDICT_REVIEW``."""
    return enum_name(review_pb2.ReviewVerdict.Name, "REVIEW_VERDICT_", value)


def enum_name(name_of: Callable[[Any], str], prefix: str, value: int) -> str:
    """The name of an enum's value without its prefix; the number itself if this client does not know it."""
    try:
        return name_of(value).removeprefix(prefix)
    except ValueError:
        return str(value)  # a newer server's value


def read_time(message: Any, field: str) -> datetime | None:
    """A point in time, UTC; None if the field is unset."""
    return getattr(message, field).ToDatetime(UTC) if message.HasField(field) else None
