"""Answers that come as columns: counted from a few arrays, without an object for each structure."""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence

from epitaxy.answers.verdicts import DOMAIN_NAMES, REVIEW_NAMES
from epitaxy.answers.writing import ANSWERED, FAILED, REFUSED
from epitaxy.api.common.v1.model_pb2 import ModelStamp
from epitaxy.api.common.v1.structure_pb2 import ItemError
from epitaxy.api.prediction.v1.columns_pb2 import FindingColumns, ResultColumns, ValueColumns
from epitaxy.api.prediction.v1.prediction_pb2 import OutcomeCounts, PropertyStamp, ResultBlock
from epitaxy.chassis.errors import InternalError
from epitaxy.gateway.domain import ModelUse, PropertyUse, Tally

_ANSWERED, _REFUSED, _FAILED = bytes([ANSWERED]), bytes([REFUSED]), bytes([FAILED])


def check_columns(columns: ResultColumns, n_structures: int) -> None:
    """Raises InternalError unless the columns answer so many structures: rows without ids cannot be told apart."""
    n_rows = columns.n_structures
    bytes_a_row = {"outcomes": 1, "formulas": 4, "domain_verdicts": 1, "cache_hits": 1, "review_verdicts": 1}
    torn = [name for name, size in bytes_a_row.items() if len(getattr(columns, name)) != size * n_rows]
    torn += ["values" for value in columns.values if len(value.values) != 8 * n_rows]
    if n_rows != n_structures or torn:
        found = f"{', '.join(torn)} torn" if torn else f"{n_rows} rows"
        raise InternalError(f"the prediction service answered {n_structures} structures by columns with {found}")


def tally_columns(columns: ResultColumns) -> Tally:
    """The outcomes of all structures."""
    outcomes = columns.outcomes
    return Tally(
        answered=outcomes.count(_ANSWERED),
        refused=outcomes.count(_REFUSED),
        failed=outcomes.count(_FAILED),
        cache_hits=columns.cache_hits.count(b"\x01"),
        errors_by_reason=_errors(columns),
        domain_verdicts=_verdicts(columns.domain_verdicts, outcomes, DOMAIN_NAMES),
        review_verdicts=_verdicts(columns.review_verdicts, outcomes, REVIEW_NAMES),
        review_rules=Counter(columns.texts[place] for place in _numbers(columns.review_rules.codes)),
    )


def property_uses(block: ResultBlock) -> tuple[PropertyUse, ...]:
    """Values and spreads summed by property."""
    n_answered = block.columns.outcomes.count(_ANSWERED)
    return tuple(
        _property_use(stamp, value, n_answered)
        for stamp, value in zip(block.properties, block.columns.values, strict=False)
    )


def parts(block: ResultBlock) -> Iterator[tuple[ModelUse, Tally]]:
    """The models of a block that several answered, each with what it answered; nothing for any other block."""
    if not any(stamp.HasField("model") for stamp in block.properties):
        return
    stamps = [stamp.model if stamp.HasField("model") else block.model for stamp in block.properties]
    rows = _rows_by_model(block, stamps)
    uses = property_uses(block)
    for (name, version), own in rows.items():
        used = [use for use, stamp in zip(uses, stamps, strict=True) if (stamp.name, stamp.version) == (name, version)]
        yield ModelUse(name, version, tuple(used)), _tally_rows(block.columns, own)


def lost_columns(n_structures: int, error: ItemError) -> ResultColumns:
    """Columns in which every structure has the same error."""
    rows = array("I", range(n_structures))
    return ResultColumns(
        n_structures=n_structures,
        outcomes=(_FAILED if error.retryable else _REFUSED) * n_structures,
        texts=["", error.reason, error.message],
        formulas=bytes(4 * n_structures),
        n_sites=bytes(4 * n_structures),
        domain_scores=array("d", [float("nan")] * n_structures).tobytes(),
        domain_verdicts=bytes(n_structures),
        domain_reasons=bytes(4 * n_structures),
        cache_hits=bytes(n_structures),
        review_verdicts=bytes(n_structures),
        errors=FindingColumns(
            rows=rows.tobytes(),
            codes=array("I", [1] * n_structures).tobytes(),
            messages=array("I", [2] * n_structures).tobytes(),
        ),
    )


def counts(tally: Tally) -> OutcomeCounts:
    """A tally on the wire."""
    return OutcomeCounts(
        answered=tally.answered, refused=tally.refused, failed=tally.failed, cache_hits=tally.cache_hits
    )


def _property_use(stamp: PropertyStamp, value: ValueColumns, n_answered: int) -> PropertyUse:
    calibration = stamp.calibration
    n_values = value.has_value.count(b"\x01") if value.has_value else n_answered
    # Rows without a value hold NaN, which is not equal to itself.
    total = sum(std for std in _floats(value.epistemic_stds) if std == std)  # noqa: PLR0124
    return PropertyUse(
        stamp.definition.name, n_values, total, calibration.measured_coverage, calibration.nominal_coverage
    )


def _errors(columns: ResultColumns) -> Counter[tuple[str, bool]]:
    errors = columns.errors
    found: Counter[tuple[str, bool]] = Counter()
    for row, code in zip(_numbers(errors.rows), _numbers(errors.codes), strict=True):
        found[columns.texts[code], columns.outcomes[row] == _FAILED[0]] += 1
    return found


def _verdicts(verdicts: bytes, outcomes: bytes, names: dict[int, str]) -> Counter[str]:
    """Verdicts of the structures that have a prediction."""
    found = Counter({name: verdicts.count(number) for number, name in names.items() if number})
    unjudged = outcomes.count(_ANSWERED) - found.total()
    return +Counter({**found, names.get(0, ""): unjudged})


def _rows_by_model(block: ResultBlock, stamps: Sequence[ModelStamp]) -> dict[tuple[str, str], list[int]]:
    """Rows with a prediction, by the model of their first value."""
    columns = block.columns
    found: dict[tuple[str, str], list[int]] = {}
    for row, outcome in enumerate(columns.outcomes):
        if outcome == _ANSWERED[0]:
            has = (not value.has_value or value.has_value[row] for value in columns.values)
            stamp = next((stamp for stamp, is_there in zip(stamps, has, strict=False) if is_there), block.model)
            found.setdefault((stamp.name, stamp.version), []).append(row)
    return found


def _tally_rows(columns: ResultColumns, rows: Sequence[int]) -> Tally:
    own = frozenset(rows)
    rules = zip(_numbers(columns.review_rules.rows), _numbers(columns.review_rules.codes), strict=True)
    return Tally(
        answered=len(rows),
        cache_hits=sum(columns.cache_hits[row] for row in rows),
        domain_verdicts=Counter(DOMAIN_NAMES.get(columns.domain_verdicts[row], "") for row in rows),
        review_verdicts=Counter(REVIEW_NAMES.get(columns.review_verdicts[row], "") for row in rows),
        review_rules=Counter(columns.texts[code] for row, code in rules if row in own),
    )


def _numbers(content: bytes) -> memoryview:
    """uint32 numbers; little-endian machines alone run this service."""
    return memoryview(content).cast("I")


def _floats(content: bytes) -> "memoryview[float]":
    return memoryview(content).cast("d")
