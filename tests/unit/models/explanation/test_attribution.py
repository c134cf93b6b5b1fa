"""Contributions: complete, equal for equal atoms, and the same for every description of one crystal."""

from collections import Counter

import numpy as np
import pytest

from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.explanation.attribution import integrated_gradients, with_steps
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.testing.equivalent_cells import permuted, repeated, translated

ENERGY, GAP = "formation_energy", "band_gap"


@pytest.mark.parametrize("name", [ENERGY, GAP])
@pytest.mark.parametrize("crystal", ["rock_salt", "perovskite", "triclinic"])
def test_sites_elements_and_the_change_add_up(explainer, crystals, crystal, name) -> None:
    found = explainer(crystals[crystal], name, 0)
    change = found.value - found.baseline
    assert abs(found.completeness_error) < max(0.02 * abs(change), 0.02)
    sites = sum(site.spread.value for site in found.sites)
    assert sites == pytest.approx(change + found.completeness_error, abs=1e-6)
    by_element = Counter()
    for site in found.sites:
        by_element[site.atomic_number] += site.spread.value
    for element in found.elements:
        assert element.spread.value == pytest.approx(by_element[element.atomic_number], abs=1e-6)
        assert element.n_sites == (crystals[crystal].atomic_numbers == element.atomic_number).sum()
    sizes = [abs(entry.spread.value) for entry in found.shells]
    assert sizes == sorted(sizes, reverse=True)


def test_the_value_is_that_of_the_served_prediction(artifact, explainer, crystals) -> None:
    for structure in (crystals["rock_salt"], crystals["triclinic"]):
        found = explainer(structure, ENERGY, 0)
        embedding = Embedder(artifact)([build_graph(structure, artifact.card.rule)])
        served = CalibratedReadout(artifact)(embedding, [structure], 0.9)
        assert found.value == pytest.approx(served.values[0, 0], abs=2e-5)


def test_the_whole_crystal_is_what_the_plain_network_says(artifact, ablated, crystals) -> None:
    crystal = ablated(crystals["triclinic"], GAP)
    whole = crystal.values(np.ones((1, crystal.anatomy.n_parts), dtype=np.bool_))
    readout = CalibratedReadout(artifact)
    embedding = Embedder(artifact)([crystal.anatomy.graph])
    column = [entry.definition.name for entry in artifact.card.properties].index(GAP)
    served = readout(embedding, [crystals["triclinic"]], 0.9).values[0, column]
    assert max(whole.mean(), 0.0) == pytest.approx(served, abs=2e-5)


def test_equal_sites_contribute_equally_and_other_sites_do_not(explainer, crystals) -> None:
    strontium, titanium, *oxygens = explainer(crystals["perovskite"], ENERGY, 0).sites
    assert len({site.spread for site in oxygens}) == 1
    assert len({strontium.spread, titanium.spread, oxygens[0].spread}) == 3


@pytest.mark.parametrize("crystal", ["wurtzite", "perovskite"])
def test_a_supercell_has_the_same_contributions_spread_over_more_sites(explainer, crystals, crystal) -> None:
    structure = crystals[crystal]
    one, two = explainer(structure, ENERGY, 0), explainer(repeated(structure, (1, 2, 1)), ENERGY, 0)
    assert two.value == pytest.approx(one.value, abs=1e-5)
    for found, expected in zip(two.elements, one.elements, strict=True):
        assert (found.atomic_number, found.n_sites) == (expected.atomic_number, 2 * expected.n_sites)
        assert found.spread.value == pytest.approx(expected.spread.value, abs=1e-4)
        assert found.spread.std == pytest.approx(expected.spread.std, abs=1e-4)
    for site, expected in zip(two.sites, one.sites * 2, strict=True):
        assert site.spread.value == pytest.approx(expected.spread.value / 2, abs=1e-4)
    assert two.faithfulness.is_faithful == one.faithfulness.is_faithful


def test_sites_follow_the_order_of_the_structure(explainer, crystals) -> None:
    structure, order = crystals["triclinic"], np.array([3, 0, 5, 1, 4, 2])
    one = explainer(structure, ENERGY, 0).sites
    two = explainer(permuted(translated(structure, np.array([0.3, 0.1, 0.2])), order), ENERGY, 0).sites
    assert [site.atomic_number for site in two] == structure.atomic_numbers[order].tolist()
    for site, position in zip(two, order, strict=True):
        assert site.spread.value == pytest.approx(one[position].spread.value, abs=1e-4)


def test_the_baseline_knows_the_places_and_not_the_elements(ablated, crystals) -> None:
    structure = crystals["rock_salt"]
    swapped = type(structure)(structure.lattice, structure.atomic_numbers[::-1].copy(), structure.frac_coords)
    one, two = (
        crystal.values(np.zeros((1, crystal.anatomy.n_parts), dtype=np.bool_))
        for crystal in (ablated(structure), ablated(swapped))
    )
    np.testing.assert_allclose(one, two, atol=1e-5)
    stretched = type(structure)(structure.lattice * 1.1, structure.atomic_numbers, structure.frac_coords)
    other = ablated(stretched)
    assert not np.allclose(other.values(np.zeros((1, other.anatomy.n_parts), dtype=np.bool_)), one, atol=1e-3)


def test_more_steps_bring_the_sum_nearer_to_the_change(ablated, crystals) -> None:
    crystal = ablated(crystals["perovskite"], GAP)
    coarse, fine = with_steps(crystal, 3), with_steps(crystal, 48)
    assert abs(fine.completeness_error) < abs(coarse.completeness_error) / 3


def test_steps_are_added_until_the_contributions_add_up(ablated, crystals) -> None:
    crystal = ablated(crystals["perovskite"], GAP)
    assert integrated_gradients(crystal, spread=1e9).n_steps == 16
    assert integrated_gradients(crystal, spread=0.0).n_steps in (32, 64)


def test_gradients_are_those_of_plain_tensor_operations(ablated, crystals, monkeypatch) -> None:
    """The whole attribution once more with the kernels' oracle in their place."""
    from epitaxy_models.backbones import stacked
    from epitaxy_models.backbones.messages import reference_messages

    crystal = ablated(crystals["perovskite"])
    fused = with_steps(crystal, 4)
    monkeypatch.setattr(stacked, "edge_messages", reference_messages)
    plain = with_steps(crystal, 4)
    np.testing.assert_allclose(fused.nodes, plain.nodes, atol=2e-4)
    np.testing.assert_allclose(fused.edges, plain.edges, atol=2e-4)
    assert np.abs(plain.edges).max() > 0.05


def test_members_are_attributed_one_by_one(ablated, crystals) -> None:
    """No member's contributions know of another's."""
    found = with_steps(ablated(crystals["perovskite"]), 32)
    each = found.nodes.sum(axis=1) + found.edges.sum(axis=1)
    np.testing.assert_allclose(each, found.values - found.baselines, atol=0.1)
    assert found.values.std() > 1e-3
