import pytest

from epitaxy.tables.csv_rows import CsvError, open_csv


def lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def test_rows_carry_the_line_that_an_editor_shows() -> None:
    text = 'id,structure,tc\na,"data_x\n_cell\n",1\n\nb,c,2\n,,\nd,"e\r\nf",3\ng,h,4\n'
    table = open_csv(lines_of(text))
    rows = list(table.rows)
    assert [(row.line, row.cells["id"]) for row in rows] == [(2, "a"), (6, "b"), (8, "d"), (10, "g")]
    assert rows[0].cells["structure"] == "data_x\n_cell\n"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("id;structure;tc, K", "semicolon"),
        ("id\tstructure\ttc", "tab"),
        ("id|structure", "bar"),
        ("structure", "comma"),
    ],
)
def test_the_separator_is_found_by_the_columns_that_are_wanted(header: str, name: str) -> None:
    table = open_csv([header + "\n"], {"id", "structure"})
    assert table.delimiter_name == name
    assert "structure" in table.names


def test_a_separator_that_excel_states_counts() -> None:
    table = open_csv(lines_of("sep=;\nid;a,b\nx;1,5\n"))
    assert table.names == ("id", "a,b")
    assert [(row.line, row.cells) for row in table.rows] == [(3, {"id": "x", "a,b": "1,5"})]


def test_an_ambiguous_separator_is_refused_with_the_remedy() -> None:
    with pytest.raises(CsvError, match="ambiguous: quote cells that hold commas"):
        open_csv(["a;b,c;d\n"], {"id"})


def test_rows_of_another_length_are_told_apart() -> None:
    short, blank_tail, wide = open_csv(lines_of("a,b\n1\n1,2,,\n1,2,3\n")).rows
    assert short.cells == {"a": "1", "b": ""}
    assert blank_tail.n_extra == 0
    assert (wide.line, wide.n_extra) == (4, 1)


def test_a_wanted_column_must_not_be_there_twice() -> None:
    with pytest.raises(CsvError, match="two columns are named 'tc'"):
        open_csv(["id,tc,tc\n"], {"tc"})
    assert open_csv(["id,x,x\n"], {"id"}).names == ("id", "x", "x")
