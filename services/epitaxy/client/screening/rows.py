"""The table of a screening: one row for each structure and property."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from epitaxy.client.results import ItemError, Note, PropertyPrediction, Repair, ScreenResult

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "id",
    "formula",
    "property",
    "value",
    "unit",
    "std",
    "epistemic_std",
    "lower",
    "upper",
    "coverage",
    "domain_score",
    "domain_verdict",
    "review",
    "review_rules",
    "review_reason",
    "model",
    "model_version",
    "cache_hit",
    "error_reason",
    "error_message",
    "repairs",
    "notes",
)
FLOAT_COLUMNS = frozenset({"value", "std", "epistemic_std", "lower", "upper", "coverage", "domain_score"})

Row = tuple[str | float | bool | None, ...]


def rows_of(result: ScreenResult) -> list[Row]:
    """The rows of one result, in the order of ``COLUMNS``; a result without an answer has one, without a property."""
    if result.error is not None:
        return [_error_row(result, result.error)]
    return [_value_row(result, prediction) for prediction in result.predictions]


def _value_row(result: ScreenResult, prediction: PropertyPrediction) -> Row:
    return (
        result.id,
        result.formula,
        prediction.property,
        prediction.value,
        prediction.unit,
        prediction.std,
        prediction.epistemic_std,
        prediction.lower,
        prediction.upper,
        prediction.coverage,
        result.domain_score,
        result.domain_verdict,
        result.review.verdict,
        "; ".join(result.review.codes) or None,
        "; ".join(result.review.reasons) or None,
        result.model,
        result.model_version,
        result.cache_hit,
        None,
        None,
        told(result.repairs),
        told(result.notes),
    )


def told(findings: Iterable[Repair | Note]) -> str | None:
    """Repairs or notes as one cell, ``CODE: message; CODE: message``; None if there are none."""
    return "; ".join(f"{one.code}: {one.message}" for one in findings) or None


def _error_row(result: ScreenResult, error: ItemError) -> Row:
    unknown = (None,) * 8
    # If the client itself refused the structure, no model saw it: the names are null.
    model = (result.model or None, result.model_version or None)
    head = (result.id, result.formula or None, *unknown, *(None,) * 5)
    return (*head, *model, None, error.reason, error.message, told(result.repairs), told(result.notes))


def to_frame(results: Iterable[ScreenResult]) -> "pd.DataFrame":
    """All rows as a pandas table, in input order. Raises ImportError without pandas."""
    ordered = sorted(((result.index, rows_of(result)) for result in results), key=lambda pair: pair[0])
    return _frame(list(_flatten(rows for _, rows in ordered)))


def to_ranked_frame(best: Iterable[ScreenResult]) -> "pd.DataFrame":
    """Rows of the best results in their order, with a column ``rank`` first. Raises ImportError without pandas."""
    ranked = [(rank, row) for rank, result in enumerate(best, start=1) for row in rows_of(result)]
    frame = _frame([row for _, row in ranked])
    frame.insert(0, "rank", [rank for rank, _ in ranked])
    return frame


def _frame(rows: list[Row]) -> "pd.DataFrame":
    try:
        import pandas as pd  # noqa: PLC0415 - the client must load without pandas
    except ModuleNotFoundError as error:
        raise ImportError("tables need pandas: pip install 'epitaxy[client]'") from error

    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    kinds = dict.fromkeys(FLOAT_COLUMNS, "float64") | {"cache_hit": "boolean"}
    return frame.astype(kinds)


def _flatten(rows: Iterable[list[Row]]) -> Iterator[Row]:
    for part in rows:
        yield from part
