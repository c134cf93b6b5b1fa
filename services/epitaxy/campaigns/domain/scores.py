"""Predictions on record beside the results that came after them."""

from collections.abc import Iterator
from dataclasses import dataclass

from epitaxy.campaigns.domain.events import Predicted, ResultStatus
from epitaxy.campaigns.domain.record import CampaignRecord, HeldTicket


@dataclass(frozen=True, slots=True)
class Score:
    """One prediction with its result, in the property's unit."""

    ticket: str
    row: int
    batch: int
    predicted: Predicted
    value: float

    @property
    def is_inside(self) -> bool:
        """Whether the interval held."""
        return self.predicted.lower <= self.value <= self.predicted.upper


def scores_of(record: CampaignRecord) -> list[Score]:
    """The first result of each prediction, in the order of the tickets."""
    return [score for held in record.tickets.values() for score in _of_ticket(record, held)]


def coverage_of(record: CampaignRecord) -> tuple[int, int]:
    """Number of predictions with a result, and of those whose interval held."""
    scores = scores_of(record)
    return len(scores), sum(score.is_inside for score in scores)


def _of_ticket(record: CampaignRecord, held: HeldTicket) -> Iterator[Score]:
    for predicted in held.ticket.predictions:
        value = first_result(record, held, predicted.property)
        if value is not None:
            yield Score(held.ticket.ticket, held.ticket.row, held.batch, predicted, value)


def first_result(record: CampaignRecord, held: HeldTicket, name: str) -> float | None:
    """The first value of a property after a ticket was given; its own, or that of nobody's ticket."""
    for place in record.by_row.get(held.ticket.row, ()):
        entry = record.readings[place]
        if entry.is_retracted or entry.reading.status is not ResultStatus.MEASURED or entry.n_batches < held.batch:
            continue
        if entry.reading.ticket in ("", held.ticket.ticket) and name in entry.reading.values:
            return entry.reading.values[name].value
    return None
