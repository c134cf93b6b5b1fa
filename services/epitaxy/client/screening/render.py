"""Results and runs of screenings as a notebook shows them."""

from collections.abc import Iterator, Sequence
from typing import Literal

from epitaxy.client import results
from epitaxy.client.notebook.markup import Cell, facts, paragraph, table, view
from epitaxy.client.screening.summary import RunSummary

RunState = Literal["not started", "running", "ended", "stopped"]
_SHOWN_REASONS = 5


class ScreenResult(results.ScreenResult):
    """The answer to one structure, which shows itself in a notebook."""

    __slots__ = ()
    __doc__ = results.ScreenResult.__doc__

    def _repr_html_(self) -> str:
        if self.error is not None:
            return view(self.id, f"{self.outcome}: {self.error.reason}", paragraph(self.error.message))
        return view(self.id, f"{self.formula}, {self.n_sites} sites", _predictions(self), _judgement(self))


def run_html(summary: RunSummary, first: Sequence[results.ScreenResult], state: RunState) -> str:
    """A screening: its state, the counts by outcome, the most frequent reasons, and the first rows that were read."""
    if state == "not started":
        return view("Screening", "not started: iterate it, or call to_pandas()")
    counts = {"answered": summary.answered, "refused": summary.refused, "failed": summary.failed}
    reasons = list(summary.errors_by_reason.items())[:_SHOWN_REASONS]
    rows = table(("id", "formula", "property", "value", "interval", "unit", "domain", "error"), _rows(first))
    return view(
        "Screening",
        f"{state}: {summary.in_words()}",
        facts({**counts, "from a cache": summary.cache_hits}),
        table(("reason", "structures"), reasons),
        paragraph(f"The first {len(first)} that were read:") if first else "",
        rows,
    )


def _predictions(result: results.ScreenResult) -> str:
    head = ("property", "value", "interval", "unit", "coverage", "level of theory")
    return table(
        head,
        (
            (one.property, one.value, _interval(one), one.unit, one.coverage, one.level_of_theory)
            for one in result.predictions
        ),
    )


def _judgement(result: results.ScreenResult) -> str:
    found: tuple[results.Repair | results.Note, ...] = (*result.repairs, *result.notes)
    return facts(
        {
            "domain": f"{result.domain_verdict}: {result.domain_reason}" if result.domain_verdict else "",
            "review": ": ".join((result.review.verdict, *result.review.reasons)),
            "changed or left out": "; ".join(one.message for one in found),
            "model": f"{result.model}:{result.model_version}",
        }
    )


def _rows(first: Sequence[results.ScreenResult]) -> Iterator[tuple[Cell, ...]]:
    for result in first:
        if result.error is not None:
            yield result.id, result.formula, "", "", "", "", "", f"{result.error.reason}: {result.error.message}"
        for one in result.predictions:
            interval = _interval(one)
            yield result.id, result.formula, one.property, one.value, interval, one.unit, result.domain_verdict, ""


def _interval(prediction: results.PropertyPrediction) -> str:
    return f"{prediction.lower:.4g} to {prediction.upper:.4g}"
