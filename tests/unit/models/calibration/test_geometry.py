"""Geometries that no relaxed crystal has are seen, whatever the embedding makes of them."""

from collections.abc import Callable

import numpy as np
import pytest

from epitaxy_models.calibration.geometry import GeometryModel
from epitaxy_models.calibration.perturbation import rattled, stretched
from epitaxy_models.calibration.verdict import DomainVerdict
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.structures import Structure

WATER = np.array([[0.0, 0.0, 0.119], [0.0, 0.763, -0.477], [0.0, -0.763, -0.477]])


@pytest.fixture(scope="module")
def geometry() -> GeometryModel:
    return load_artifact(shipped_model()).geometry


@pytest.fixture(scope="module")
def crystals() -> list[Structure]:
    return [crystal.structure for crystal in bundled_crystals()]


def share_flagged(geometry: GeometryModel, structures: list[Structure]) -> float:
    pairs = zip(geometry.features(structures), structures, strict=True)
    verdicts = [geometry.judge(features, structure)[0] for features, structure in pairs]
    return float(np.mean([verdict is not DomainVerdict.IN_DOMAIN for verdict in verdicts]))


def test_real_crystals_are_rarely_flagged(geometry: GeometryModel, crystals: list[Structure]) -> None:
    assert share_flagged(geometry, crystals) < 0.05


@pytest.mark.parametrize(
    "damage",
    [lambda s: stretched(s, 0.8), lambda s: stretched(s, 1.3), lambda s: rattled(s, 0.4, np.random.default_rng(0))],
    ids=["compressed", "expanded", "rattled"],
)
def test_strained_crystals_are_flagged(
    geometry: GeometryModel, crystals: list[Structure], damage: Callable[[Structure], Structure]
) -> None:
    large = [crystal for crystal in crystals if crystal.n_sites >= 8]
    assert share_flagged(geometry, [damage(crystal) for crystal in large]) > 0.85


@pytest.mark.parametrize("box", [8.0, 20.0])
def test_a_molecule_in_a_box_is_out_of_domain_and_says_why(geometry: GeometryModel, box: float) -> None:
    water = Structure(np.eye(3) * box, np.array([8, 1, 1], dtype=np.uint8), (WATER / box) % 1)
    verdict, reason = geometry.judge(geometry.features([water])[0], water)
    assert verdict is DomainVerdict.OUT_OF_DOMAIN
    assert "not the geometry of a relaxed crystal" in reason


def test_a_geometry_does_not_depend_on_the_cell_chosen(geometry: GeometryModel, crystals: list[Structure]) -> None:
    for crystal in crystals[:50]:
        lattice = crystal.lattice * np.array([[2.0], [1.0], [1.0]])
        halves = crystal.frac_coords * [0.5, 1.0, 1.0]
        both = np.concatenate([halves, halves + np.array([0.5, 0.0, 0.0])])
        doubled = Structure(lattice, np.tile(crystal.atomic_numbers, 2), both)
        one, two = geometry.measure(crystal), geometry.measure(doubled)
        assert two.volume_per_atom == pytest.approx(one.volume_per_atom)
        assert two.shortest_contact == pytest.approx(one.shortest_contact)
        assert two.mean_contact == pytest.approx(one.mean_contact)


def test_a_crushed_crystal_names_its_short_contact(geometry: GeometryModel, crystals: list[Structure]) -> None:
    crushed = stretched(crystals[0], 0.6)
    verdict, reason = geometry.judge(geometry.features([crushed])[0], crushed)
    assert verdict is DomainVerdict.OUT_OF_DOMAIN
    assert "its shortest contact is 0." in reason
