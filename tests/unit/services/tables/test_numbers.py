import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from epitaxy.tables.numbers import is_missing, read_column, read_number


@pytest.mark.parametrize(
    "cell",
    ["", "  ", "NA", "n/a", "NaN", "null", "None", "NONE", "-", "#N/A", "<NA>", None, math.nan, np.nan, pd.NA, pd.NaT],
)
def test_usual_words_for_missing_are_missing(cell: Any) -> None:
    assert is_missing(cell)
    assert math.isnan(read_number(cell))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1.5", 1.5), (" -2 ", -2.0), ("+.5", 0.5), ("3.", 3.0), ("1e-3", 1e-3), ("2E5", 2e5), ("\u22121.5", -1.5),
        (7, 7.0), (np.float32(0.5), 0.5), (np.int64(3), 3.0), (Decimal("1.25"), 1.25), (b"1.5", 1.5),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(cell: Any, value: float) -> None:
    assert read_number(cell) == value


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("1_5", "is not a number"), ("0x10", "is not a number"), ("infinity", "is not a number"),
        ("\u0661", "is not a number"), ("1.5 eV", "is not a number"), ("1e400", "too large"),
        (10**400, "is not a number"),
        ("1,5", "has a decimal comma: write 1.5"), ("1,234", "is 1.234 or 1234"), ("1,234.5", "thousands separators"),
        ("1.234,5", "thousands separators"), ("1 234", "thousands separators"), ("1'234'567", "thousands separators"),
        (True, "is not a number"), (np.bool_(False), "is not a number"), ([1.0], "is not a number"),
        (math.inf, "is not a number"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_with_why(cell: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_number(cell)


def test_a_column_of_decimal_commas_is_read_if_nothing_is_in_doubt() -> None:
    column = read_column(["0,5", "1,234", "-", "12", 3.5])
    assert column.has_decimal_commas
    np.testing.assert_array_equal(column.values, [0.5, 1.234, math.nan, 12.0, 3.5])
    assert column.bad == ()


@pytest.mark.parametrize(
    ("cells", "rows", "why"),
    [
        (["1,234", "2,500"], [0, 1], "write it without a comma"),
        (["0,5", "1.5"], [0], "mixes decimal commas with decimal points"),
        (["0,5", "1.234,5"], [1], "thousands separators"),
    ],
)
def test_a_column_in_doubt_names_the_cells(cells: list[str], rows: list[int], why: str) -> None:
    column = read_column(cells)
    assert [row for row, _ in column.bad] == rows
    assert all(why in text for _, text in column.bad)


def test_all_bad_cells_of_a_column_are_found() -> None:
    column = read_column(["1", "x", None, "1_5", "2"])
    assert [row for row, _ in column.bad] == [1, 3]
    np.testing.assert_array_equal(column.values, [1.0, math.nan, math.nan, math.nan, 2.0])
