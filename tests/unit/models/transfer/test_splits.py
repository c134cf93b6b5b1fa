import numpy as np
import pytest

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.splits import Split, few_label_draws, grouped_folds, n_folds_for

# Formula j occurs 1 to 4 times, in no order.
FORMULAS = [f"A{number % 40}B" for number in range(100)] + ["A0B"] * 2


def formulas_of(rows: np.ndarray) -> set[str]:
    return {FORMULAS[row] for row in rows}


def assert_apart(split: Split) -> None:
    assert not formulas_of(split.train) & formulas_of(split.test)


def test_folds_never_tear_a_formula_apart() -> None:
    for split in grouped_folds(FORMULAS, seed=3):
        assert_apart(split)


def test_every_row_is_tested_once_a_repeat() -> None:
    splits = grouped_folds(FORMULAS, seed=3, n_repeats=2, n_folds=4)
    for repeat in (splits[:4], splits[4:]):
        tested = np.sort(np.concatenate([split.test for split in repeat]))
        np.testing.assert_array_equal(tested, np.arange(len(FORMULAS)))
        for split in repeat:
            assert len(split.train) + len(split.test) == len(FORMULAS)


def test_folds_are_even() -> None:
    sizes = [len(split.test) for split in grouped_folds(FORMULAS, seed=3, n_repeats=1, n_folds=5)]
    assert max(sizes) - min(sizes) <= 2


def test_repeats_and_seeds_differ() -> None:
    first, second = grouped_folds(FORMULAS, seed=0, n_repeats=2, n_folds=2)[::2]
    other = grouped_folds(FORMULAS, seed=1, n_repeats=1, n_folds=2)[0]
    assert first.test.tolist() != second.test.tolist() != other.test.tolist()


def test_splits_depend_on_formulas_and_not_on_their_order() -> None:
    reverse = FORMULAS[::-1]
    there = grouped_folds(FORMULAS, seed=7, n_repeats=1, n_folds=3)
    back = grouped_folds(reverse, seed=7, n_repeats=1, n_folds=3)
    assert [formulas_of(split.test) for split in there] == [{reverse[row] for row in split.test} for split in back]


def test_splits_are_those_that_every_machine_makes() -> None:
    formulas = ["NaCl", "MgO", "O3SrTi", "OZn", "Si"]
    assert [split.test.tolist() for split in grouped_folds(formulas, 0, 1, 2)] == [[0, 1, 4], [2, 3]]
    assert [split.train.tolist() for split in few_label_draws(formulas, 2, 3)] == [[0, 1], [2, 4], [2, 4]]


@pytest.mark.parametrize(("n_rows", "n_formulas", "expected"), [(25, 20, 10), (25, 4, 4), (250, 200, 5), (900, 800, 3)])
def test_number_of_folds_follows_the_rows(n_rows: int, n_formulas: int, expected: int) -> None:
    assert n_folds_for(n_rows, n_formulas) == expected


@pytest.mark.parametrize(("formulas", "n_folds"), [(["Si"] * 9, None), (["Si", "Ge"], 3)])
def test_too_few_formulas_are_refused(formulas: list[str], n_folds: int | None) -> None:
    with pytest.raises(ConfigurationError, match=r"give labels of at least [23] different formulas"):
        grouped_folds(formulas, seed=0, n_folds=n_folds)


def test_draws_train_on_n_rows_and_test_on_other_formulas() -> None:
    draws = few_label_draws(FORMULAS, 25, n_draws=6)
    assert len({tuple(draw.train) for draw in draws}) == 6
    for draw in draws:
        assert len(draw.train) == len(set(draw.train.tolist())) == 25
        assert len(draw.test) >= 70
        assert_apart(draw)


def test_draws_of_more_labels_hold_those_of_fewer_and_are_tested_alike() -> None:
    for few, many in zip(few_label_draws(FORMULAS, 20, 3, 1, 30), few_label_draws(FORMULAS, 50, 3, 1, 30), strict=True):
        assert set(few.train) < set(many.train)
        np.testing.assert_array_equal(few.test, many.test)
        assert len(few.test) == 30


@pytest.mark.parametrize("n", [102, 500])
def test_draws_that_leave_nothing_to_test_are_refused(n: int) -> None:
    with pytest.raises(ConfigurationError, match=f"{n} training rows of 102 leave none to test on"):
        few_label_draws(FORMULAS, n, 1)
