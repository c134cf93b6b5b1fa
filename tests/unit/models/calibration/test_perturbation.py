"""Perturbed crystals differ from their originals in what they should, and in nothing else."""

import numpy as np
import pytest

from epitaxy_models.calibration.perturbation import perturbed, rattled, strained, stretched, substituted
from epitaxy_models.calibration.probe import PerturbationProbe
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import Structure

CRYSTALS = [crystal.structure for crystal in bundled_crystals()[:40]]
ELEMENTS = np.array([3, 8, 26], dtype=np.uint8)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def _strain(one: Structure, other: Structure) -> np.ndarray:
    return np.linalg.solve(one.lattice, other.lattice) - np.eye(3)


def test_stretching_scales_all_lengths() -> None:
    np.testing.assert_allclose(_strain(CRYSTALS[0], stretched(CRYSTALS[0], 1.1)), 0.1 * np.eye(3), atol=1e-12)


def test_a_strain_is_symmetric_and_as_large_as_asked(random: np.random.Generator) -> None:
    for crystal in CRYSTALS:
        strain = _strain(crystal, strained(crystal, 0.08, random))
        np.testing.assert_allclose(strain, strain.T, atol=1e-12)
        assert np.abs(np.linalg.eigvalsh(strain)).max() == pytest.approx(0.08)


def test_rattled_atoms_move_by_the_amount_asked_in_the_same_cell(random: np.random.Generator) -> None:
    moves = []
    for crystal in CRYSTALS:
        other = rattled(crystal, 0.1, random)
        np.testing.assert_array_equal(other.lattice, crystal.lattice)
        difference = other.frac_coords - crystal.frac_coords
        moves.append((difference - np.round(difference)) @ crystal.lattice)
        assert ((other.frac_coords >= 0) & (other.frac_coords < 1)).all()
    assert np.concatenate(moves).std() == pytest.approx(0.1, rel=0.1)


def test_substitution_maps_each_element_to_one_other(random: np.random.Generator) -> None:
    for crystal in CRYSTALS:
        other = substituted(crystal, ELEMENTS, random)
        assert set(other.atomic_numbers.tolist()) <= set(ELEMENTS.tolist())
        for number in np.unique(crystal.atomic_numbers):
            assert len(np.unique(other.atomic_numbers[crystal.atomic_numbers == number])) == 1
        np.testing.assert_array_equal(other.frac_coords, crystal.frac_coords)


def test_perturbations_are_of_all_kinds_and_repeatable() -> None:
    first, again = (list(perturbed(CRYSTALS, ELEMENTS, seed=3)) for _ in range(2))
    kinds = set()
    for crystal, one, other in zip(CRYSTALS, first, again, strict=True):
        np.testing.assert_array_equal(one.lattice, other.lattice)
        np.testing.assert_array_equal(one.frac_coords, other.frac_coords)
        moved = not np.allclose(one.frac_coords, crystal.frac_coords)
        kinds.add((not np.allclose(one.lattice, crystal.lattice), moved))
    assert kinds == {(True, False), (False, True), (True, True), (False, False)}


def test_probe_tells_what_it_was_shown_apart_as_scikit_learn_does() -> None:
    from sklearn.neural_network import MLPClassifier

    random = np.random.default_rng(0)
    relaxed, strange = (random.normal(shift, 1, size=(800, 5)).astype(np.float32) for shift in (0.0, 1.5))
    probe = PerturbationProbe.fit(relaxed, strange)
    near, far = (random.normal(shift, 1, size=(400, 5)).astype(np.float32) for shift in (0.0, 1.5))
    assert np.mean(probe(far)) > 2
    assert np.mean(probe(near)) < -2
    both = np.concatenate([relaxed, strange])
    features = np.clip((both - probe.offset) / probe.scale, -8, 8)
    network = MLPClassifier((32,), alpha=1e-2, early_stopping=True, random_state=0)
    expected = network.fit(features, np.repeat((0, 1), 800)).predict_proba(features)[:, 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-probe(both))), expected, atol=1e-4)
