"""The use case of a record: everything that happened in one JSON document, or as a page."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict

from epitaxy.campaigns.answers import campaign_message
from epitaxy.campaigns.campaigns import Campaigns, View
from epitaxy.campaigns.domain.candidates import told, told_under
from epitaxy.campaigns.domain.narration import line_of
from epitaxy.campaigns.domain.record import CampaignRecord, HeldReading
from epitaxy.campaigns.domain.scores import scores_of
from epitaxy.campaigns.planning.comparison import map_of, random_choice
from epitaxy.campaigns.planning.insight import best_so_far, complete_places, fallbacks_of, gains_of

FORMAT = 1
_MOST_REFUSED = 10_000


@dataclass(frozen=True, slots=True)
class Exporting:
    """Records of campaigns. Every method blocks, and is safe for threads."""

    campaigns: Campaigns

    def export(self, tenant: str, name: str, *, is_html: bool) -> bytes:
        """The whole record, UTF-8."""
        document = self.document(tenant, name)
        if is_html:
            from epitaxy_models.campaigns.report import render_page  # noqa: PLC0415  # loads templates

            page: str = render_page(document)
            return page.encode()
        return json.dumps(document, allow_nan=False).encode()

    def document(self, tenant: str, name: str) -> dict[str, Any]:
        """The record as plain containers; numbers that are not finite are None."""
        view = self.campaigns.get(tenant, name)
        book = self.campaigns.shelf.open(view.key)
        shown = MessageToDict(
            campaign_message(view), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        record = view.record
        planner = book.planner_of(record) if record.pool is not None and record.pool_counts.n_allowed else None
        events = self.campaigns.shelf.log.events(view.key.id)
        document = {
            "format": FORMAT,
            "name": view.key.name,
            "state": record.state.value,
            "create_time": record.created_at.isoformat(),
            "update_time": record.updated_at.isoformat(),
            "spec": _plain_enums(shown["spec"]),
            "pool": shown["pool"],
            "results": _results(view),
            "pending": _pending(view),
            "batches": _batches(record),
            "random": random_choice(planner, record) if planner else [],
            "map": map_of(planner, record) if planner else {"background": [], "points": []},
            "best": shown["best"],
            "outlook": _plain_enums(shown["outlook"]),
            "refused": view.table.refused(_MOST_REFUSED) if view.table else [],
            "promotions": [{"job_id": one.job_id, "model_name": one.model_name} for one in record.promotions],
            "events": [
                {
                    "sequence": event.sequence,
                    "time": event.at.isoformat(),
                    "kind": event.happening.kind,
                    "message": line_of(event.happening),
                }
                for event in events
                if event.sequence <= record.sequence
            ],
        }
        plain: dict[str, Any] = _finite(document)
        return plain


def _results(view: View) -> list[dict[str, Any]]:
    record = view.record
    utilities = dict(zip(complete_places(record, record.objectives), best_so_far(record), strict=True))
    is_front = len(record.objectives) > 1
    final = max(utilities.values(), default=0.0) or 1.0
    found = []
    for place, held in enumerate(record.readings):
        entry = _result(view, held)
        if is_front and place in utilities:
            entry["utility"] = utilities[place] / final
        found.append(entry)
    return found


def _result(view: View, held: HeldReading) -> dict[str, Any]:
    reading = held.reading
    ticket = view.record.tickets.get(reading.ticket)
    predictions = ticket.ticket.predictions if ticket else ()
    return {
        "sequence": held.sequence,
        "time": held.at.isoformat(),
        "batch": ticket.batch if ticket else None,
        "ticket": reading.ticket,
        "id": reading.id,
        "formula": view.formula_of(reading.row),
        "status": reading.status.value,
        "values": {name: {"value": one.value, "std": one.std or None} for name, one in reading.values.items()},
        "predictions": {
            one.property: {"value": one.value, "lower": one.lower, "upper": one.upper, "coverage": one.coverage}
            for one in predictions
        },
        "measurement_id": reading.measurement_id,
        "note": reading.note,
        "is_retracted": held.is_retracted and reading.status.value != "ABANDONED",
        "correction": held.correction or None,
        "is_late": reading.is_late,
        "reason": ticket.ticket.reason if ticket else "",
    }


def _pending(view: View) -> list[dict[str, Any]]:
    return [
        {
            "ticket": held.ticket.ticket,
            "id": held.ticket.id,
            "formula": told_under(held.ticket.formula, held.ticket.conditions),
            "conditions": {name: told(given) for name, given in held.ticket.conditions.items()},
            "batch": held.batch,
            "expire_time": held.ticket.expires_at.isoformat(),
            "predictions": {
                one.property: {"value": one.value, "lower": one.lower, "upper": one.upper, "coverage": one.coverage}
                for one in held.ticket.predictions
            },
            "reason": held.ticket.reason,
        }
        for held in view.record.pending()
    ]


def _batches(record: CampaignRecord) -> list[dict[str, Any]]:
    scores = scores_of(record)
    since = fallbacks_of(record)
    found = []
    for batch in record.batches:
        recommended, outlook = batch.recommended, batch.recommended.outlook
        own = [score for score in scores if score.batch <= recommended.number]
        expected, gain = gains_of(record, recommended.number)
        found.append(
            {
                "batch": recommended.number,
                "time": batch.at.isoformat(),
                "worker": recommended.worker,
                "n_labels": sum(held.sequence < batch.sequence for held in record.measured()),
                "expected_gain": expected,
                "gain": gain,
                "better_left_probability": outlook.better_left,
                "advice": outlook.advice,
                "message": outlook.message,
                "coverage": sum(score.is_inside for score in own) / len(own) if own else None,
                "n_predicted": len(own),
                "speaking": dict(outlook.speaking),
                "blocks": _mean_blocks(recommended.tickets),
                "fallback_reason": ", ".join(name for name, first in since.items() if first == recommended.number),
                "notes": list(recommended.notes),
            }
        )
    return found


def _mean_blocks(tickets: Any) -> dict[str, dict[str, float]]:
    """Mean shares of the blocks over a batch, under the name that stands for all properties."""
    names = {name for ticket in tickets for name in ticket.blocks}
    if not names:
        return {}
    return {"all": {name: sum(ticket.blocks.get(name, 0.0) for ticket in tickets) / len(tickets) for name in names}}


def _plain_enums(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Names of enums without what all names of their enum begin with."""
    prefixes = {"goal": "GOAL_", "start": "START_", "acquisition": "ACQUISITION_", "advice": "ADVICE_"}
    plain: dict[str, Any] = {}
    for name, value in fields.items():
        if name in prefixes:
            plain[name] = str(value).removeprefix(prefixes[name])
        elif name == "objectives":
            plain[name] = [_plain_enums(entry) for entry in value]
        else:
            plain[name] = value
    return plain


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
