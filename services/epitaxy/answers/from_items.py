"""From one message per structure to columns, for blocks of several models and for servers that know no columns."""

from collections.abc import Callable, Sequence

import numpy as np

from epitaxy.answers.writing import (
    ANSWERED,
    FAILED,
    REFUSED,
    FindingWriter,
    TextTable,
    float64_bytes,
    uint8_bytes,
    uint32_bytes,
)
from epitaxy.api.prediction.v1 import columns_pb2, prediction_pb2

Result = prediction_pb2.StructureResult
Value = prediction_pb2.PropertyValue

_FIELDS: dict[str, Callable[[Value], float]] = {
    "values": lambda value: value.value,
    "epistemic_stds": lambda value: value.epistemic_std,
    "aleatoric_stds": lambda value: value.aleatoric_std,
    "stds": lambda value: value.std,
    "lower": lambda value: value.interval.lower,
    "upper": lambda value: value.interval.upper,
}


def columns_of(results: Sequence[Result], n_properties: int) -> columns_pb2.ResultColumns:
    """The columns of a block's results, in their order; a result without an outcome counts as an error."""
    texts = TextTable()
    predictions = [result.prediction for result in results]
    domains = [prediction.domain for prediction in predictions]
    return columns_pb2.ResultColumns(
        n_structures=len(results),
        outcomes=uint8_bytes(map(_outcome, results)),
        formulas=uint32_bytes([texts.place(prediction.reduced_formula) for prediction in predictions]),
        n_sites=uint32_bytes([prediction.n_sites for prediction in predictions]),
        values=_values(results, n_properties),
        domain_scores=float64_bytes(
            [d.score if r.HasField("prediction") else np.nan for d, r in zip(domains, results, strict=True)]
        ),
        domain_verdicts=uint8_bytes(domain.verdict for domain in domains),
        domain_reasons=uint32_bytes([texts.place(domain.reason) for domain in domains]),
        cache_hits=uint8_bytes(prediction.cache_hit for prediction in predictions),
        review_verdicts=uint8_bytes(prediction.review.verdict for prediction in predictions),
        review_rules=_findings(texts, [prediction.review.rules for prediction in predictions]),
        repairs=_findings(texts, [prediction.repairs for prediction in predictions]),
        notes=_findings(texts, [prediction.notes for prediction in predictions]),
        errors=_errors(texts, results),
        texts=texts.texts,
    )


def _outcome(result: Result) -> int:
    if result.HasField("prediction"):
        return ANSWERED
    return FAILED if result.error.retryable else REFUSED


def _values(results: Sequence[Result], n_properties: int) -> list[columns_pb2.ValueColumns]:
    by_property: list[dict[int, Value]] = [{} for _ in range(n_properties)]
    n_answered = 0
    for row, result in enumerate(results):
        n_answered += result.HasField("prediction")
        for value in result.prediction.values:
            by_property[value.property_index][row] = value
    return [_value_columns(found, len(results), is_whole=len(found) == n_answered) for found in by_property]


def _value_columns(found: dict[int, Value], n_rows: int, *, is_whole: bool) -> columns_pb2.ValueColumns:
    rows = np.fromiter(found, dtype=np.intp, count=len(found))
    message = columns_pb2.ValueColumns()
    for name, read in _FIELDS.items():
        column = np.full(n_rows, np.nan)
        column[rows] = [read(value) for value in found.values()]
        setattr(message, name, float64_bytes(column))
    if found:
        message.coverage = next(iter(found.values())).interval.coverage
    if not is_whole:
        has_value = np.zeros(n_rows, dtype=np.uint8)
        has_value[rows] = 1
        message.has_value = has_value.tobytes()
    return message


def _findings(texts: TextTable, found: Sequence[Sequence[object]]) -> columns_pb2.FindingColumns:
    writer = FindingWriter(texts)
    for row, findings in enumerate(found):
        for one in findings:
            writer.add(row, one.code, one.message)  # type: ignore[attr-defined]  # rules, repairs and notes are alike
    return writer.message()


def _errors(texts: TextTable, results: Sequence[Result]) -> columns_pb2.FindingColumns:
    writer = FindingWriter(texts)
    for row, result in enumerate(results):
        if not result.HasField("prediction"):
            writer.add(row, result.error.reason, result.error.message)
    return writer.message()
