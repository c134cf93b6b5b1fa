import math

import pytest

from epitaxy.tables.element_columns import ElementColumns


@pytest.mark.parametrize(
    ("text", "names", "basis"),
    [
        ("Al,Co,Cr:wt", ("Al", "Co", "Cr"), "wt"),
        ("Al, Co :at.%", ("Al", "Co"), "at"),
        ("Fe,Ni", ("Fe", "Ni"), "at"),
        ("Fe,Ni:ratio", ("Fe", "Ni"), "ratio"),
    ],
)
def test_columns_are_read_from_text(text, names, basis):
    columns = ElementColumns.of(text)
    assert (columns.names, columns.basis) == (names, basis)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Al,Co:mass", "give at, wt or ratio"),
        ("al,Co", "'al' names no element"),
        ("", "names no element"),
        ("Al,Al", "twice"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        ElementColumns.of(text)


def test_a_row_becomes_one_line_of_text():
    columns = ElementColumns.of("Fe,Ni,Co,Mo:wt")
    assert columns.text_of({"Fe": "Bal.", "Ni": 18, "Co": "9.0 %", "Mo": None}) == "Fe:bal, Ni:18, Co:9 wt%"
    assert columns.text_of({"Fe": 82.0, "Ni": 18.0, "Co": math.nan, "Mo": 0}) == "Fe:82, Ni:18 wt%"
    assert ElementColumns.of("Al,Co:ratio").text_of({"Al": 0.25, "Co": 1}) == "Al:0.25, Co:1"


@pytest.mark.parametrize(("cell", "message"), [("much", "Ni holds"), (-1, "not negative"), ("< 0.1", "Ni holds")])
def test_cells_without_an_amount_are_named(cell, message):
    with pytest.raises(ValueError, match=message):
        ElementColumns.of("Fe,Ni:wt").text_of({"Fe": 90, "Ni": cell})


def test_an_empty_row_is_no_composition():
    with pytest.raises(ValueError, match="are empty"):
        ElementColumns.of("Fe,Ni").text_of({})
