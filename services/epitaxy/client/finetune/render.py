"""Jobs and their results as a notebook shows them."""

from collections.abc import Sequence

from epitaxy.client.finetune import results
from epitaxy.client.notebook.markup import bar, facts, paragraph, table, view

_SHOWN_LABELS = 5


class FineTuneResult(results.FineTuneResult):
    """What a job made, which shows itself in a notebook."""

    __slots__ = ()
    __doc__ = results.FineTuneResult.__doc__

    def _repr_html_(self) -> str:
        return result_html(self)


class JobStatus(results.JobStatus):
    """A job at one moment, which shows itself in a notebook."""

    __slots__ = ()
    __doc__ = results.JobStatus.__doc__

    result: FineTuneResult | None

    def _repr_html_(self) -> str:
        return status_html(self)


def status_html(status: results.JobStatus) -> str:
    """A job: its state and progress, and what it made or why it made nothing."""
    return view(
        f"Fine-tune job of {status.model}",
        f"{status.state}, {status.id}",
        "" if status.has_ended else bar(status.progress.fraction, status.progress.message),
        facts(
            {
                "property": f"{status.property_name} ({status.unit}) from column {status.column}",
                "labels": f"{status.n_labels} in {status.n_rows} rows",
                "attempts": status.attempts if status.attempts > 1 else None,
            }
        ),
        _failure(status.failure) if status.failure is not None else "",
        result_html(status.result, status.unit) if status.result is not None else "",
    )


def result_html(result: results.FineTuneResult, unit: str = "") -> str:
    """A result: the verdict, the error of each strategy, and labels to look at."""
    error = "Brier score" if result.classification else f"cross-validated MAE{f', {unit}' if unit else ''}"
    kept = "probabilities" if result.classification else "intervals"
    return view(
        f"{result.model}:{result.model_version}",
        f"{result.verdict}, {result.strategy}",
        paragraph(result.sentence),
        paragraph(result.succession.sentence) if result.succession is not None else "",
        table(("strategy", error), result.scores.items()),
        facts(
            {
                kept: "calibrated" if result.is_calibrated else "not calibrated",
                "AUC": f"{result.classification.auc:.3f}" if result.classification else "",
                "constant": "knows no more than a constant" if result.is_constant else "",
                "served as": result.served_as,
            }
        ),
        _suspicious(result.suspicious),
    )


def _failure(failure: results.JobFailure) -> str:
    return paragraph(f"{failure.reason}: {failure.message}") + _suspicious(failure.suspicious)


def _suspicious(labels: Sequence[results.SuspiciousLabel]) -> str:
    shown = labels[:_SHOWN_LABELS]
    rest = len(labels) - len(shown)
    rows = [(one.row, one.id, one.value, one.kind, one.message) for one in shown]
    more = paragraph(f"and {rest} more labels to look at") if rest else ""
    return table(("row", "id", "value", "kind", "label to look at"), rows) + more
