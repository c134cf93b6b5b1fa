"""The page: styles and pictures inside, no script, nothing loaded from anywhere."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from epitaxy_models.campaigns.report.pictures import ages, best_label, direction_word, pictures_of
from epitaxy_models.campaigns.report.record import CampaignRecord, number_of
from epitaxy_models.transfer.report.templates import page_template

_GOAL_WORDS = {"max": "highest", "min": "lowest"}
_ADVICE = {
    "GO_ON": ("HELPS", "Go on"),
    "STOP": ("HURTS", "Stop"),
    "REPLICATE": ("NEUTRAL", "Measure the best again"),
}
_SPEAKERS = {
    "transferred": "a model on what transfers from the substrate",
    "anchored": "a model of what the substrate's own prediction misses",
    "head": "the substrate's own prediction",
    "descriptor": "a model on descriptors alone, without transfer",
    "mean": "the mean of the results: no model predicts better",
}
_MOST_ROWS, _MOST_REFUSED = 5_000, 50


def render_page(document: Mapping[str, Any]) -> str:
    """The page of an exported record; all that a user supplied is escaped.

    Args:
        document: The record, as ``ExportCampaign`` gives it in JSON. Keys may be missing; ``name`` and ``spec`` may
            not. Raises KeyError without them.
    """
    record = CampaignRecord.of(document)
    outlook = record.part("outlook")
    shown = {
        "name": document["name"],
        "state": document.get("state") or "",
        "times": [_day(document.get(name)) for name in ("create_time", "update_time")],
        "goals": [_goal_text(objective) for objective in record.objectives],
        "limits": [_limit_text(entry) for entry in record.part("spec").get("constraints") or ()],
        "advice": _ADVICE.get(str(outlook.get("advice")), ("NEUTRAL", "No advice yet")),
        "outlook": {name: number_of(value) for name, value in outlook.items()},
        "message": outlook.get("message") or "",
        "speaking": _speaking(outlook),
        "counts": _counts(record),
        "best": list(record.entries("best")),
        "rows": record.results[-_MOST_ROWS:],
        "n_more": max(len(record.results) - _MOST_ROWS, 0),
        "pictures": pictures_of(record),
        "best_label": best_label(record),
        "direction": "higher is better" if record.has_shares else direction_word(record.first.goal),
        "has_random": bool(record.entries("random")),
        "ages": ages(),
        "fallbacks": _fallbacks(record),
        "refused": record.entries("refused")[:_MOST_REFUSED],
    }
    return page_template(__package__).render(record=record, **shown)


def _goal_text(objective: Any) -> str:
    unit = f" {objective.unit}" if objective.unit not in ("", "1") else ""
    if objective.goal.is_monotone:
        return f"{_GOAL_WORDS[str(objective.goal)]} {objective.name}{f' ({objective.unit})' if unit else ''}"
    if objective.low == objective.high:
        return f"{objective.name} nearest {objective.low:g}{unit}"
    return f"{objective.name} from {objective.low:g} to {objective.high:g}{unit}"


def _limit_text(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('property')} {'≤' if entry.get('is_upper') else '≥'} {number_of(entry.get('limit')) or 0.0:g}"


def _counts(record: CampaignRecord) -> dict[str, int]:
    pool = record.part("pool")
    counts = {name: int(number_of(pool.get(name)) or 0) for name in ("n_candidates", "n_open", "n_refused", "n_copies")}
    return counts | {
        "n_measured": sum(row.counts for row in record.results),
        "n_failed": sum(row.is_failed for row in record.results),
        "n_retracted": sum(row.is_retracted for row in record.results),
        "n_pending": len(record.entries("pending")),
        "n_batches": len(record.entries("batches")),
    }


def _speaking(outlook: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Property, the model that speaks, and since which batch it is not the transferred one."""
    since = outlook.get("since_batch") or {}
    speaking = (outlook.get("speaking") or {}).items()
    return [(name, _SPEAKERS.get(str(speaker), str(speaker)), since.get(name)) for name, speaker in speaking]


def _fallbacks(record: CampaignRecord) -> list[tuple[Any, str]]:
    """Batches at which the record says why another model speaks."""
    found: list[tuple[Any, str]] = []
    for entry in record.entries("batches"):
        if not entry.get("fallback_reason"):
            continue
        reason = "; ".join(map(str, entry.get("notes") or ())) or str(entry["fallback_reason"])
        if not found or found[-1][1] != reason:
            found.append((entry.get("batch"), reason))
    return found


def _day(text: Any) -> str:
    try:
        return datetime.fromisoformat(str(text)).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return ""
