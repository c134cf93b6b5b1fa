"""The compiled pass over a structure: it may only say that nothing is wrong where the checks find nothing."""

import numpy as np
import pytest

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import Structure, check_structure, plain_structure
from epitaxy_models.structures.intake import DEFAULT_LIMITS

SALT = Structure(4.0 * np.eye(3), np.array([11, 17], dtype=np.uint8), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))


def changed(lattice=None, numbers=None, frac=None) -> Structure:
    return Structure(
        SALT.lattice if lattice is None else np.array(lattice, dtype=float),
        SALT.atomic_numbers if numbers is None else np.array(numbers, dtype=np.uint8),
        SALT.frac_coords if frac is None else np.array(frac, dtype=float),
    )


NOT_PLAIN = {
    "not a number": changed(frac=[[0, 0, np.nan], [0.5, 0.5, 0.5]]),
    "infinite": changed(frac=[[0, 0, np.inf], [0.5, 0.5, 0.5]]),
    "outside of the cell": changed(frac=[[0, 0, 1.0], [0.5, 0.5, 0.5]]),
    "below the cell": changed(frac=[[0, 0, -0.1], [0.5, 0.5, 0.5]]),
    "no element": changed(numbers=[0, 17]),
    "beyond all elements": changed(numbers=[11, 119]),
    "lattice not a number": changed(lattice=[[np.nan, 0, 0], [0, 4, 0], [0, 0, 4]]),
    "short": changed(lattice=[[0.4, 0, 0], [0, 4, 0], [0, 0, 4]]),
    "long": changed(lattice=[[1001, 0, 0], [0, 4, 0], [0, 0, 4]]),
    "flat": changed(lattice=[[4, 0, 0], [4, 1e-5, 0], [0, 0, 4]]),
    "thin, and sound": changed(lattice=[[0.8, 0, 0], [0, 4, 0], [0, 0, 4]]),
    "overlapping": changed(frac=[[0, 0, 0], [0, 0, 0.1]]),
    "overlapping across the border": changed(frac=[[0, 0, 0.02], [0, 0, 0.95]]),
    "one site": changed(frac=[[0, 0, 0], [0, 0, 0.001]]),
}


def outcome(structure: Structure) -> tuple[object, ...]:
    try:
        found = check_structure(structure)
    except InvalidStructureError as refusal:
        return refusal.reason, refusal.message
    return found.repairs, found.structure.frac_coords.tolist()


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_whatever_is_odd_is_left_to_the_checks(name: str) -> None:
    assert not plain_structure.is_plain(NOT_PLAIN[name], DEFAULT_LIMITS)


def test_ordinary_crystals_are_plain_and_the_checks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    structures = [crystal.structure for crystal in bundled_crystals()][::10]
    assert np.mean([plain_structure.is_plain(one, DEFAULT_LIMITS) for one in structures]) > 0.9
    quick = [outcome(one) for one in structures]
    monkeypatch.setattr(plain_structure, "MAX_SITES", 0)
    assert [outcome(one) for one in structures] == quick
