"""What the page reads of an exported record: plain containers with keys that may be missing, as frozen values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epitaxy_models.campaigns.objective import Goal, Objective

Point = tuple[float, float]
_GOALS = {"MAXIMIZE": Goal.MAXIMIZE, "MINIMIZE": Goal.MINIMIZE, "MATCH": Goal.MATCH, "BAND": Goal.BAND}
_FAILED, _MEASURED = "FAILED", "MEASURED"


@dataclass(frozen=True, slots=True)
class Predicted:
    """What was on record of one property before its result, in its unit."""

    value: float
    lower: float
    upper: float
    coverage: float


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One result.

    Attributes:
        number: From 1, in the order of the log.
        id: Of the candidate.
        formula: Of the candidate.
        batch: Number of the batch; None if nobody recommended it.
        status: ``MEASURED``, ``FAILED`` or ``ABANDONED``.
        values: Measured values by property.
        stds: Standard deviations of the measurements by property, where they were given.
        predictions: By property.
        note: What the lab wrote.
        is_retracted: Whether it does not count any more.
        utility: What best-so-far runs over with several objectives; None if the record does not say.
    """

    number: int
    id: str
    formula: str
    batch: int | None
    status: str
    values: Mapping[str, float]
    stds: Mapping[str, float]
    predictions: Mapping[str, Predicted]
    note: str
    is_retracted: bool
    utility: float | None

    @property
    def counts(self) -> bool:
        """Whether it is a measurement that counts."""
        return self.status == _MEASURED and not self.is_retracted

    @property
    def is_failed(self) -> bool:
        """Whether the sample could not be made."""
        return self.status == _FAILED and not self.is_retracted

    def is_inside(self, name: str) -> bool | None:
        """Whether the interval on record held the value; None if there is no pair of both."""
        if name not in self.values or name not in self.predictions:
            return None
        predicted = self.predictions[name]
        return predicted.lower <= self.values[name] <= predicted.upper


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A record as the page needs it.

    Attributes:
        document: The record itself.
        objectives: One to three.
        results: In the order of the log.
    """

    document: Mapping[str, Any]
    objectives: tuple[Objective, ...]
    results: tuple[ResultRow, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "CampaignRecord":
        """Reads an exported record; null and missing keys are nothing known."""
        objectives = tuple(map(_objective, document["spec"]["objectives"]))
        results = tuple(_result(number, entry) for number, entry in enumerate(_list(document, "results"), start=1))
        return cls(document, objectives, results)

    @property
    def first(self) -> Objective:
        """The first objective."""
        return self.objectives[0]

    @property
    def has_shares(self) -> bool:
        """Whether best-so-far runs over shares of a hypervolume."""
        return any(result.utility is not None for result in self.results)

    def entries(self, name: str) -> Sequence[Mapping[str, Any]]:
        """A list of the record, empty if it has none."""
        return _list(self.document, name)

    def part(self, name: str) -> Mapping[str, Any]:
        """An object of the record, empty if it has none."""
        found = self.document.get(name)
        return found if isinstance(found, Mapping) else {}

    def best_so_far(self) -> list[Point]:
        """Number of results that count so far, and the best value of the first objective among them.

        For ``match`` and ``band`` the distance from the target, for several objectives the share of the hypervolume
        where the record has it.
        """
        points: list[Point] = []
        best, n_results = -math.inf, 0
        for result in self.results:
            worth = self._worth(result)
            if worth is None:
                continue
            n_results, best = n_results + 1, max(best, worth)
            points.append((float(n_results), self.shown(best)))
        return points

    def shown(self, utility: float) -> float:
        """A utility as it is drawn: the value itself, or the distance from the target."""
        if self.has_shares or self.first.goal is Goal.MAXIMIZE:
            return utility
        return -utility

    def _worth(self, result: ResultRow) -> float | None:
        if not result.counts:
            return None
        if self.has_shares:
            return result.utility
        value = result.values.get(self.first.name)
        return None if value is None else float(self.first.utility(np.array([value]))[0])

    def coverage_so_far(self) -> list[tuple[int, float, float]]:
        """Predicted results so far, the share of them inside their interval, and the promised share."""
        points: list[tuple[int, float, float]] = []
        n_inside = n_pairs = 0
        for result in self.results:
            for name in result.values if result.counts else ():
                is_inside = result.is_inside(name)
                if is_inside is None:
                    continue
                n_pairs, n_inside = n_pairs + 1, n_inside + is_inside
                points.append((n_pairs, n_inside / n_pairs, result.predictions[name].coverage))
        return points


def number_of(value: Any) -> float | None:
    """A finite number, None for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _objective(entry: Mapping[str, Any]) -> Objective:
    goal = _GOALS[entry["goal"]]
    target = number_of(entry.get("target")) or 0.0
    low, high = (number_of(entry.get(end)) or 0.0 for end in ("low", "high"))
    if goal is Goal.MATCH:
        low = high = target
    return Objective(entry["property"], entry.get("unit") or "", goal, low, high)


def _result(number: int, entry: Mapping[str, Any]) -> ResultRow:
    values = {name: number_of((value or {}).get("value")) for name, value in (entry.get("values") or {}).items()}
    stds = {name: number_of((value or {}).get("std")) for name, value in (entry.get("values") or {}).items()}
    return ResultRow(
        number=number,
        id=str(entry["id"]),
        formula=entry.get("formula") or "",
        batch=entry.get("batch"),
        status=entry["status"],
        values={name: value for name, value in values.items() if value is not None},
        stds={name: std for name, std in stds.items() if std},
        predictions=_predictions(entry.get("predictions") or {}),
        note=entry.get("note") or entry.get("correction") or "",
        is_retracted=bool(entry.get("is_retracted")),
        utility=number_of(entry.get("utility")),
    )


def _predictions(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Predicted]:
    found = {}
    for name, entry in entries.items():
        numbers = [number_of(entry.get(key)) for key in ("value", "lower", "upper")]
        if None not in numbers:
            value, lower, upper = (float(number or 0.0) for number in numbers)
            found[name] = Predicted(value, lower, upper, number_of(entry.get("coverage")) or 0.9)
    return found


def _list(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found = document.get(name)
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()
