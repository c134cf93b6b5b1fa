import pytest

from epitaxy.consortium.companies import companies_of
from epitaxy_models.errors import ConfigurationError


def test_the_largest_values_are_companies_and_the_rest_are_together_the_last() -> None:
    values = ["cast"] * 30 + ["rolled"] * 25 + ["forged"] * 20 + [None] * 5 + ["sintered"] * 3
    found = companies_of(values, 3, 15, "processing")
    assert [(one.name, len(one.rows)) for one in found] == [("cast", 30), ("rolled", 25), ("the rest", 28)]
    assert sorted(row for one in found for row in one.rows) == list(range(83))


def test_many_small_sources_are_dealt_whole() -> None:
    values = [f"doi-{number // 3}" for number in range(120)]
    found = companies_of(values, 3, 20, "doi")
    assert sorted(len(one.rows) for one in found) == [39, 39, 42]
    owners = {}
    for one in found:
        for row in one.rows:
            assert owners.setdefault(values[row], one.name) == one.name


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (["cast"] * 90, "processing has 1 values: 3 companies need 3 or more"),
        (["cast"] * 40 + ["rolled"] * 40, "2 values"),
        (["cast"] * 40 + ["rolled"] * 30 + ["forged"] * 4, "processing = the rest has 4 rows: 15 to learn from"),
    ],
)
def test_too_few_companies_or_rows_are_said(values: list[str], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        companies_of(values, 3, 15, "processing")
