"""Errors out of the bag count the members that did not learn a row, and no other."""

import numpy as np
import pytest

from epitaxy_models.training.out_of_bag import out_of_bag_errors


def test_rows_count_on_the_side_of_the_members_that_saw_them() -> None:
    labels = np.array([0.0, 0.0, 0.0, np.nan, 0.0])
    weights = np.array([[0, 1, 1, 0, 0], [1, 0, 1, 1, 0], [2, 0, 1, 1, 0]], dtype=np.float32)
    by_member = np.array([[9.0, 1.0, 50, 50, 50], [1.0, 5.0, 50, 50, 50], [3.0, 7.0, 50, 50, 50]], dtype=np.float32)
    found = out_of_bag_errors(by_member, labels, weights)
    # The third row was seen by all, the fourth has no label, the fifth was seen by none.
    assert found == pytest.approx({"out_of_bag_member_mae": (9 + 6) / 2, "in_bag_member_mae": (2 + 1) / 2})


def test_without_such_rows_nothing_is_claimed() -> None:
    assert out_of_bag_errors(np.zeros((2, 3), np.float32), np.zeros(3), np.ones((2, 3), np.float32)) == {}
