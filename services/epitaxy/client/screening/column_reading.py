"""From the wire to columns of answers, whichever form the server answered in."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.answers.from_items import columns_of
from epitaxy.answers.verdicts import DOMAIN_NAMES, REVIEW_NAMES
from epitaxy.api.common.v1 import model_pb2, structure_pb2
from epitaxy.api.prediction.v1 import columns_pb2, prediction_pb2
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.reading import fidelity_name, read_calibration
from epitaxy.client.results import ItemError
from epitaxy.client.screening.columns import Findings, ModelName, PropertyColumns, ScreenColumns


def read_columns(block: prediction_pb2.ResultBlock, ids: Sequence[str], indices: NDArray[np.int64]) -> ScreenColumns:
    """The answers of a block whose rows are these structures. Raises ValueError if its columns are torn."""
    columns = block.columns
    n_rows = len(ids)
    if columns.n_structures != n_rows:
        raise ValueError(f"{columns.n_structures} answers for {n_rows} structures")
    model = _model(block.model)
    outcomes = _array(columns.outcomes, np.uint8, n_rows)
    return ScreenColumns(
        ids=ids,
        indices=indices,
        outcomes=outcomes,
        texts=list(columns.texts),
        formulas=_array(columns.formulas, np.uint32, n_rows),
        n_sites=_array(columns.n_sites, np.uint32, n_rows),
        properties=tuple(
            _property(stamp, value, model, outcomes == 0)
            for stamp, value in zip(block.properties, columns.values, strict=True)
        ),
        domain_scores=_array(columns.domain_scores, np.float64, n_rows),
        domain_verdicts=_array(columns.domain_verdicts, np.uint8, n_rows),
        domain_reasons=_array(columns.domain_reasons, np.uint32, n_rows),
        cache_hits=_array(columns.cache_hits, np.uint8, n_rows),
        review_verdicts=_array(columns.review_verdicts, np.uint8, n_rows),
        rules=_findings(columns.review_rules),
        repairs=_findings(columns.repairs),
        notes=_findings(columns.notes),
        errors=_findings(columns.errors),
        model=model,
        verdict_names=DOMAIN_NAMES,
        review_names=REVIEW_NAMES,
    )


def read_items(block: prediction_pb2.ResultBlock, items: Mapping[str, InputItem]) -> ScreenColumns:
    """The answers of a block that came by items; ids that nobody sent, and repeated ones, are left out.

    Args:
        block: The block, in any order.
        items: What was sent, by id on the wire.
    """
    waiting = dict(items)
    found = [(result, item) for result in block.results if (item := waiting.pop(result.id, None)) is not None]
    whole = prediction_pb2.ResultBlock(model=block.model, properties=block.properties)
    whole.columns.CopyFrom(columns_of([result for result, _ in found], len(block.properties)))
    indices = np.array([item.index for _, item in found], dtype=np.int64)
    return read_columns(whole, [item.id for _, item in found], indices)


def refused_columns(refused: Sequence[tuple[InputItem, ItemError]]) -> ScreenColumns:
    """The answers for items that no model saw."""
    errors = [
        prediction_pb2.StructureResult(
            error=structure_pb2.ItemError(reason=error.reason, message=error.message, retryable=error.retryable)
        )
        for _, error in refused
    ]
    block = prediction_pb2.ResultBlock(columns=columns_of(errors, 0))
    indices = np.array([item.index for item, _ in refused], dtype=np.int64)
    return read_columns(block, [item.id for item, _ in refused], indices)


def _property(
    stamp: prediction_pb2.PropertyStamp,
    found: columns_pb2.ValueColumns,
    model: ModelName,
    are_answered: NDArray[np.bool_],
) -> PropertyColumns:
    definition, n_rows = stamp.definition, len(are_answered)
    has_value = _array(found.has_value, np.uint8, n_rows).astype(bool) if found.has_value else are_answered
    return PropertyColumns(
        property=definition.name,
        unit=definition.unit,
        fidelity=fidelity_name(definition.fidelity),
        level_of_theory=definition.level_of_theory,
        calibration=read_calibration(stamp.calibration),
        # A block that several substrates answered stamps its properties one by one.
        model=_model(stamp.model) if stamp.HasField("model") else model,
        coverage=found.coverage,
        has_value=has_value,
        values=_array(found.values, np.float64, n_rows),
        epistemic_stds=_array(found.epistemic_stds, np.float64, n_rows),
        aleatoric_stds=_array(found.aleatoric_stds, np.float64, n_rows),
        stds=_array(found.stds, np.float64, n_rows),
        lower=_array(found.lower, np.float64, n_rows),
        upper=_array(found.upper, np.float64, n_rows),
    )


def _model(stamp: model_pb2.ModelStamp) -> ModelName:
    return ModelName(stamp.name, stamp.version, stamp.digest)


def _findings(found: columns_pb2.FindingColumns) -> Findings:
    rows, codes, messages = (np.frombuffer(part, dtype="<u4") for part in (found.rows, found.codes, found.messages))
    return Findings(rows, codes, messages)


def _array(content: bytes, kind: type[np.generic], n_rows: int) -> NDArray[Any]:
    array = np.frombuffer(content, dtype=np.dtype(kind).newbyteorder("<"))
    if len(array) != n_rows:
        raise ValueError(f"a column of {len(array)} entries for {n_rows} structures")
    return array
