"""Classes of atoms and shells of neighbours, against what is known of the crystals."""

import numpy as np
import pytest

from epitaxy_models.explanation.anatomy import CrystalAnatomy
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.testing.equivalent_cells import permuted, repeated


def test_shells_of_rock_salt_have_their_distances_and_coordinations(crystals) -> None:
    anatomy = CrystalAnatomy.of(crystals["rock_salt"])
    edge = 5.640
    found = {(shell.first, shell.second, round(shell.distance, 2)): shell.coordination for shell in anatomy.shells}
    assert found == {
        (11, 11, round(edge / 2**0.5, 2)): 12,
        (11, 17, round(edge / 2, 2)): 6,
        (11, 17, round(edge * 0.75**0.5, 2)): 8,
        (17, 17, round(edge / 2**0.5, 2)): 12,
    }


def test_oxygen_of_a_perovskite_has_two_titanium_and_four_strontium_neighbours(crystals) -> None:
    shells = {
        (shell.first, shell.second): shell for shell in reversed(CrystalAnatomy.of(crystals["perovskite"]).shells)
    }
    assert (shells[8, 22].coordination, shells[8, 38].coordination, shells[8, 8].coordination) == (2, 4, 8)
    assert shells[8, 22].distance == pytest.approx(3.905 / 2)


def test_a_shell_within_the_cutoff_of_one_element_only_is_counted_from_there(crystals) -> None:
    """Titanium sees 24 oxygens at 4.37 Angstrom; oxygen, which has a shorter cutoff, sees none of those titaniums."""
    anatomy = CrystalAnatomy.of(crystals["perovskite"])
    [second] = [s for s in anatomy.shells if (s.first, s.second) == (8, 22) and s.distance > 3]
    assert second.distance == pytest.approx(3.905 * 1.25**0.5, abs=1e-3)
    assert second.coordination == 8


def test_every_site_has_the_node_of_its_element_and_every_edge_a_shell(crystals) -> None:
    for structure in crystals.values():
        anatomy = CrystalAnatomy.of(structure)
        np.testing.assert_array_equal(anatomy.graph.atomic_numbers[anatomy.node_of_site], structure.atomic_numbers)
        assert set(anatomy.shell_of_edge.tolist()) == set(range(len(anatomy.shells)))
        assert anatomy.graph.key == build_graph(structure).key


def test_a_supercell_and_another_order_have_the_same_shells(crystals) -> None:
    structure = crystals["wurtzite"]
    shells = CrystalAnatomy.of(structure).shells
    for other in (repeated(structure, (2, 1, 1)), permuted(structure, np.array([2, 0, 3, 1]))):
        for found, expected in zip(CrystalAnatomy.of(other).shells, shells, strict=True):
            assert (found.first, found.second, found.coordination) == (
                expected.first, expected.second, pytest.approx(expected.coordination),
            )  # fmt: skip
            assert found.distance == pytest.approx(expected.distance)
