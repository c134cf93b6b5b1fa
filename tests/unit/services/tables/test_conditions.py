"""Cells of conditions: numbers, categories, and what is neither."""

import numpy as np
import pytest

from epitaxy.tables.conditions import condition_cell, read_conditions


@pytest.mark.parametrize(
    ("cells", "unit", "expected"),
    [
        (["300", 400, "", None], "", [300.0, 400.0, np.nan, np.nan]),
        (["1,5", "2,25"], "K", [1.5, 2.25]),
        ([None, ""], "", [np.nan, np.nan]),
    ],
)
def test_numbers_are_read_as_numbers(cells, unit, expected):
    read = read_conditions(cells, unit)
    assert read.bad == ()
    np.testing.assert_array_equal(read.values, expected)
    assert read.values.dtype == np.float64


def test_texts_are_categories_and_numbers_are_if_they_are_called_so():
    assert read_conditions(["sol-gel", " flux ", None, "n/a"]).values.tolist() == ["sol-gel", "flux", None, None]
    assert read_conditions([1.0, "2", np.nan], "category").values.tolist() == ["1", "2", None]
    assert read_conditions([True, False, None]).values.tolist() == ["True", "False", None]


def test_a_column_that_mixes_both_is_told_with_the_remedy():
    [(row, what)] = read_conditions([300, "RT", 400]).bad
    assert (row, what[:5]) == (1, "'RT',")
    assert "state the unit (NAME:UNIT), or make it a category (NAME:category)" in what
    [(row, what)] = read_conditions([300, "RT"], "K").bad
    assert (row, what) == (1, "'RT', which is not a number: give one, or leave the cell empty")


def test_one_cell_of_a_candidate_is_what_it_looks_like():
    assert [condition_cell(cell) for cell in ("25", 25, "flux", None, True)] == [25.0, 25.0, "flux", None, "True"]
    for cell in (float("inf"), "x" * 129, {}):
        with pytest.raises(ValueError, match=r"number|shorten"):
            condition_cell(cell)
