"""The table of a screening from columns of answers: rows for texts, Arrow for Parquet; no object for a structure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.screening.columns import ANSWERED, Findings, ModelName, ScreenColumns
from epitaxy.client.screening.joining import joined
from epitaxy.client.screening.rows import COLUMNS, FLOAT_COLUMNS, Row

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_NUMBERS = {
    "value": "values",
    "std": "stds",
    "epistemic_std": "epistemic_stds",
    "lower": "lower",
    "upper": "upper",
}
# Texts of a column: a code for each row of the table, -1 where there is none, and what the codes stand for.
Coded = tuple[NDArray[np.int64], Sequence[str]]


class LongTable:
    """The rows of some answers: one for each structure and property, one for a structure without an answer.

    Columns are those of ``COLUMNS``, computed as they are asked for.

    Attributes:
        structures: Row among the answers of each row of the table.
    """

    def __init__(self, answers: ScreenColumns) -> None:
        self._answers = answers
        self.structures, self._properties = _long_rows(answers)
        self._is_value = self._properties >= 0

    def __len__(self) -> int:
        return len(self.structures)

    @property
    def indices(self) -> NDArray[np.int64]:
        """Position in the input of each row's structure."""
        return self._answers.indices[self.structures]

    def rows(self) -> Iterator[Row]:
        """Rows as the writers of texts take them."""
        return zip(*(self.cells(name) for name in COLUMNS), strict=True)

    def cells(self, name: str) -> Sequence[Any]:
        """One column as plain values, None where there is none."""
        if name in FLOAT_COLUMNS:
            return _or_none(self._floats(name).tolist(), self._is_value.tolist())
        if name == "id":
            ids = self._answers.ids
            return [ids[row] for row in self.structures.tolist()]
        if name == "cache_hit":
            return _or_none(self._hits().tolist(), self._is_value.tolist())
        codes, texts = self._coded(name)
        cells: list[str | None] = [*texts, None]
        return [cells[code] for code in codes.tolist()]

    def arrow(self) -> "pa.RecordBatch":
        """The rows as Arrow, with the types of ``schema``."""
        import pyarrow as pa  # noqa: PLC0415 - the client must load without pyarrow

        return pa.RecordBatch.from_arrays([self._arrow(field.name) for field in schema()], schema=schema())

    def _arrow(self, name: str) -> Any:
        import pyarrow as pa  # noqa: PLC0415 - likewise

        if name in FLOAT_COLUMNS:
            return pa.array(self._floats(name), mask=~self._is_value)
        if name == "id":
            return pa.array(self._answers.ids, pa.string()).take(pa.array(self.structures))
        if name == "cache_hit":
            return pa.array(self._hits(), mask=~self._is_value)
        codes, texts = self._coded(name)
        places = pa.array(codes.astype(np.int32), mask=codes < 0)
        return pa.DictionaryArray.from_arrays(places, pa.array(texts, pa.string())).dictionary_decode()

    def _floats(self, name: str) -> NDArray[np.float64]:
        answers, rows = self._answers, self.structures
        if name == "domain_score":
            return answers.domain_scores[rows]
        if not answers.properties:
            return np.full(len(self), np.nan)
        if name == "coverage":
            return np.array([one.coverage for one in answers.properties])[self._properties]
        stacked = np.stack([getattr(one, _NUMBERS[name]) for one in answers.properties], axis=1)
        return stacked[rows, self._properties]

    def _hits(self) -> NDArray[np.bool_]:
        return self._answers.cache_hits[self.structures].astype(bool)

    def _coded(self, name: str) -> Coded:
        return _TEXT_COLUMNS[name](self)

    def _of_properties(self, texts: Sequence[str]) -> Coded:
        return self._properties, texts

    def _formulas(self) -> Coded:
        codes = self._answers.formulas[self.structures].astype(np.int64)
        # A structure without an answer has none: null, not an empty text.
        return np.where(self._is_value, codes, -1), self._answers.texts

    def _named(self, codes: NDArray[np.uint8], names: Mapping[int, str], unset: str | None = None) -> Coded:
        """Numbers of names; ``unset`` is what 0 stands for, None for its own name."""
        most = int(codes.max(initial=0))
        texts = [names.get(number, str(number)) for number in range(most + 1)]
        if unset is not None:
            texts[0] = unset
        return np.where(self._is_value, codes[self.structures].astype(np.int64), -1), texts

    def _joined(self, found: Findings, join: Callable[[Sequence[tuple[str, str]]], str]) -> Coded:
        """One text for each structure with findings."""
        texts: list[str] = []
        codes = np.full(len(self._answers), -1, dtype=np.int64)
        for row, pairs in found.by_row(self._answers.texts).items():
            codes[row] = len(texts)
            texts.append(join(pairs))
        return codes[self.structures], texts

    def _models(self, text_of: Callable[[ModelName], str]) -> Coded:
        """Of the model that answered a structure; null if no model saw it."""
        answers = self._answers
        names = [text_of(answers.model), *(text_of(one.model) for one in answers.properties)]
        codes = np.zeros(len(answers), dtype=np.int64)
        if answers.properties:
            first = np.argmax(np.stack([one.has_value for one in answers.properties]), axis=0)
            codes = np.where(answers.outcomes == ANSWERED, first + 1, 0)
        empty = np.array([not name for name in names])
        long = codes[self.structures]
        return np.where(empty[long] & ~self._is_value, -1, long), names


def arrow_table(blocks: Sequence[ScreenColumns]) -> "pa.Table":
    """All rows as an Arrow table, in input order. Raises ImportError without pyarrow."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - the client must load without pyarrow
    except ModuleNotFoundError as error:
        raise ImportError("Arrow tables need pyarrow: pip install 'epitaxy[client]'") from error

    tables = [LongTable(block) for block in joined(blocks)]
    whole = pa.Table.from_batches([table.arrow() for table in tables], schema=schema())
    order = _input_order(tables)
    return whole if _is_ascending(order) else whole.take(pa.array(order))


def frame(blocks: Sequence[ScreenColumns]) -> "pd.DataFrame":
    """All rows as a pandas table, in input order. Raises ImportError without pandas."""
    try:
        import pandas as pd  # noqa: PLC0415 - the client must load without pandas
    except ModuleNotFoundError as error:
        raise ImportError("tables need pandas: pip install 'epitaxy[client]'") from error

    tables = [LongTable(block) for block in joined(blocks)]
    columns = {name: [cell for table in tables for cell in table.cells(name)] for name in COLUMNS}
    whole = pd.DataFrame(columns)
    kinds = dict.fromkeys(FLOAT_COLUMNS, "float64") | {"cache_hit": "boolean"}
    order = _input_order(tables)
    ordered = whole if _is_ascending(order) else whole.iloc[order].reset_index(drop=True)
    return ordered.astype(kinds)


def _input_order(tables: Sequence[LongTable]) -> NDArray[np.intp]:
    """Places of the rows in the order of the inputs."""
    if not tables:
        return np.zeros(0, dtype=np.intp)
    return np.argsort(np.concatenate([table.indices for table in tables]), kind="stable")


def _is_ascending(order: NDArray[np.intp]) -> bool:
    return bool((order == np.arange(len(order))).all())


def schema() -> "pa.Schema":
    """Names and types of the table."""
    import pyarrow as pa  # noqa: PLC0415 - the client must load without pyarrow

    kinds = {"cache_hit": pa.bool_()} | {name: pa.float64() for name in FLOAT_COLUMNS}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])


def _long_rows(answers: ScreenColumns) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Structure of each row, and property, -1 for a structure without an answer."""
    has = np.zeros((len(answers), len(answers.properties) + 1), dtype=bool)
    has[:, 0] = answers.outcomes != ANSWERED
    for place, one in enumerate(answers.properties, start=1):
        has[:, place] = one.has_value
    structures, places = np.nonzero(has)
    return structures, places - 1


def _or_none(cells: list[Any], are_there: list[bool]) -> list[Any]:
    if all(are_there):
        return cells
    return [cell if is_there else None for cell, is_there in zip(cells, are_there, strict=True)]


def _codes(pairs: Sequence[tuple[str, str]]) -> str:
    return "; ".join(code for code, _ in pairs)


def _messages(pairs: Sequence[tuple[str, str]]) -> str:
    return "; ".join(message for _, message in pairs)


def _told(pairs: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"{code}: {message}" for code, message in pairs)


def _reason(pairs: Sequence[tuple[str, str]]) -> str:
    return pairs[0][0] or "UNKNOWN"


def _message(pairs: Sequence[tuple[str, str]]) -> str:
    return pairs[0][1]


_TEXT_COLUMNS: Mapping[str, Callable[[LongTable], Coded]] = {
    "formula": LongTable._formulas,
    "property": lambda table: table._of_properties([one.property for one in table._answers.properties]),
    "unit": lambda table: table._of_properties([one.unit for one in table._answers.properties]),
    "domain_verdict": lambda table: table._named(table._answers.domain_verdicts, table._answers.verdict_names),
    "review": lambda table: table._named(table._answers.review_verdicts, table._answers.review_names, ""),
    "review_rules": lambda table: table._joined(table._answers.rules, _codes),
    "review_reason": lambda table: table._joined(table._answers.rules, _messages),
    "model": lambda table: table._models(lambda model: model.name),
    "model_version": lambda table: table._models(lambda model: model.version),
    "error_reason": lambda table: table._joined(table._answers.errors, _reason),
    "error_message": lambda table: table._joined(table._answers.errors, _message),
    "repairs": lambda table: table._joined(table._answers.repairs, _told),
    "notes": lambda table: table._joined(table._answers.notes, _told),
}
