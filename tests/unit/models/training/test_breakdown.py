"""Errors by kind of crystal: who belongs where, and what is counted."""

import numpy as np
import pytest

from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.training.breakdown import chemical_system, crystal_groups, errors_by_group

ROCK_SALT = np.array([11, 17], dtype=np.uint8)
PEROVSKITE = np.array([38, 22, 8, 8, 8], dtype=np.uint8)
IRON = np.array([26], dtype=np.uint8)
LARGE = np.array([3, 8] * 50, dtype=np.uint8)


def test_chemical_system_lists_elements_in_alphabetical_order() -> None:
    assert chemical_system(PEROVSKITE) == "O-Sr-Ti"


def test_every_crystal_has_one_size_and_one_number_of_elements() -> None:
    atoms = [ROCK_SALT, PEROVSKITE, IRON, LARGE]
    groups = crystal_groups(atoms, np.array([5.0, 1.8, 0.0, np.nan]), frozenset({"Cl-Na", "Li-O"}))
    by_elements = sum(mask.astype(int) for name, mask in groups.items() if "element" in name)
    by_size = sum(mask.astype(int) for name, mask in groups.items() if "sites" in name)
    assert by_elements.tolist() == by_size.tolist() == [1, 1, 1, 1]
    assert groups["3 elements"].tolist() == [False, True, False, False]
    assert groups["81 sites and more"].tolist() == [False, False, False, True]
    assert groups["metals"].tolist() == [False, False, True, False]
    assert groups["non-metals"].tolist() == [True, True, False, False]
    assert groups["chemical system unseen in training"].tolist() == [False, True, True, False]


def test_errors_count_labelled_members_of_a_group_and_small_groups_are_left_out() -> None:
    n = 50
    values = np.arange(n, dtype=float)[:, None]
    spread = np.ones_like(values)
    prediction = EnsemblePrediction(values, spread, spread, spread, values - 1, values + 3, ())
    labels = values[:, 0] + np.where(np.arange(n) % 2, 2.0, -2.0)
    labels[:5] = np.nan
    groups = {"even": np.arange(n) % 2 == 0, "odd": np.arange(n) % 2 == 1, "few": np.arange(n) < 20}
    found = errors_by_group(prediction, 0, labels, groups)
    assert set(found) == {"even", "odd"}
    assert found["odd"] == pytest.approx({"n": 23, "mae": 2.0, "coverage": 1.0, "mean_interval_width": 4.0})
    assert found["even"]["coverage"] == 0.0
