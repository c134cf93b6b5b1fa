"""Quotient graphs: classes of atoms, canonical keys, and the answers of a network on them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.graph import DEFAULT_RULE, CrystalGraph, GraphRule, build_full_graph, build_graph
from epitaxy_models.graphs.quotient import distance_shells, labelled_shells, merged_edges
from epitaxy_models.structures import Structure
from epitaxy_models.testing.equivalent_cells import (
    displaced,
    permuted,
    random_basis,
    random_rotation,
    rebased,
    repeated,
    scaled,
    translated,
    turned,
)
from epitaxy_models.testing.specimens import diamond, lone_atom, perovskite, rock_salt, triclinic, wurtzite

# Merged shells move a distance by up to four shell tolerances, and the largest value over atoms becomes that of their
# average. Over the 1,884 crystals below the shipped model moves by 5e-8 eV in the median, 6e-5 at the 99th percentile
# and 5.4e-4 at most (a gap) against full graphs; with up to 60 sites, of 2,000 one by 2.2e-3. Between descriptions of
# one crystal it moves by 9e-7 eV at most.
ANSWER_MEDIAN_EV, ANSWER_99TH_EV, ANSWER_MAX_EV = 1e-6, 2e-4, 2e-3
DESCRIPTION_MAX_EV = 1e-5
# The last is a shell of its own, since the others are as wide as one may be, and 4e-5 Angstrom from their mean.
TWO_SHELLS_OF_ONE_LABEL = np.array([2.00198] * 200 + [2.0, 2.0004, 2.0008, 2.0012, 2.0016, 2.0020001])

Predict = Callable[[Sequence[Structure], Sequence[CrystalGraph]], NDArray[np.float64]]


@pytest.fixture(scope="module")
def predict() -> Predict:
    artifact = load_artifact(shipped_model())
    embedder, readout = Embedder(artifact), CalibratedReadout(artifact)

    def values(structures: Sequence[Structure], graphs: Sequence[CrystalGraph]) -> NDArray[np.float64]:
        """Uncut ensemble means, ``[n_structures, n_properties]``, eV or eV/atom."""
        parts = []
        for start in range(0, len(graphs), 64):
            part = slice(start, start + 64)
            means, _, _ = readout.spread(embedder(graphs[part]), [s.atomic_numbers for s in structures[part]])
            parts.append(means)
        return np.concatenate(parts)

    return values


def _assert_equal_answers(differences: NDArray[np.float64]) -> None:
    assert np.median(differences) < ANSWER_MEDIAN_EV
    assert np.quantile(differences, 0.99) < ANSWER_99TH_EV
    assert differences.max() < ANSWER_MAX_EV


@pytest.mark.parametrize(
    ("structure", "multiplicities"),
    [
        (rock_salt(), [1, 1]),
        (diamond(), [2]),
        (perovskite(), [1, 1, 3]),
        (wurtzite(), [2, 2]),
        (triclinic(), [1, 1, 1, 1, 1, 1]),
        (lone_atom(), [1]),
    ],
)
def test_atoms_of_equal_environment_are_one_node(structure: Structure, multiplicities: list[int]) -> None:
    graph = build_graph(structure)
    assert sorted(graph.multiplicities.tolist()) == multiplicities
    for times in ((2, 1, 1), (2, 2, 2)):
        large = build_graph(repeated(structure, times))
        assert large.n_nodes == graph.n_nodes
        assert large.multiplicities.sum() == structure.n_sites * np.prod(times)


def test_edges_of_a_class_keep_the_summed_weight_of_its_atoms() -> None:
    for crystal in bundled_crystals()[::15]:
        graph, full = build_graph(crystal.structure), build_full_graph(crystal.structure)
        weight_of_node = np.add.reduceat(graph.weights.astype(float), graph.rows[:-1])
        weight_of_atom = np.add.reduceat(full.weights.astype(float), full.rows[:-1])
        total = float((weight_of_node * graph.multiplicities).sum())
        assert total == pytest.approx(float(weight_of_atom.sum()), rel=2e-3)
        assert graph.n_edges <= full.n_edges


def test_atom_without_neighbours_still_has_a_prediction(predict: Predict) -> None:
    graph = build_graph(lone_atom())
    assert (graph.n_nodes, graph.n_edges) == (1, 0)
    assert np.isfinite(predict([lone_atom()], [graph])).all()


def test_network_answers_alike_on_quotient_and_full_graphs(many_structures: list[Structure], predict: Predict) -> None:
    chosen = [structure for structure in many_structures if structure.n_sites <= 30]
    graphs = [build_graph(structure) for structure in chosen]
    full = [build_full_graph(structure) for structure in chosen]
    differences = np.abs(predict(chosen, graphs) - predict(chosen, full))
    _assert_equal_answers(differences)
    assert sum(graph.n_nodes for graph in graphs) < 0.6 * sum(graph.n_nodes for graph in full)


def test_bundled_crystals_answer_alike_on_quotient_and_full_graphs(predict: Predict) -> None:
    chosen = [crystal.structure for crystal in bundled_crystals()[::10]]
    quotient = predict(chosen, [build_graph(structure) for structure in chosen])
    full = predict(chosen, [build_full_graph(structure) for structure in chosen])
    _assert_equal_answers(np.abs(quotient - full))


def _other_description(structure: Structure, seed: int) -> Structure:
    generator = np.random.default_rng(seed)
    other = rebased(structure, random_basis(seed, 3))
    if structure.n_sites <= 20:
        other = repeated(other, ((2, 1, 1), (1, 2, 1), (1, 1, 2))[seed % 3])
    other = turned(permuted(other, generator.permutation(other.n_sites)), random_rotation(seed))
    return translated(other, generator.random(3))


def test_every_bundled_crystal_has_one_key_in_every_description() -> None:
    changed = [
        crystal.identifier
        for seed, crystal in enumerate(bundled_crystals())
        if build_graph(_other_description(crystal.structure, seed)).key != build_graph(crystal.structure).key
    ]
    assert changed == []


def test_shared_crystals_have_one_key_and_one_answer_in_every_description(
    shared_structures: list[Structure], predict: Predict
) -> None:
    chosen = shared_structures[:250]
    graphs = [build_graph(structure) for structure in chosen]
    others = [_other_description(structure, seed) for seed, structure in enumerate(chosen)]
    other_graphs = [build_graph(structure) for structure in others]
    assert [graph.key for graph in graphs] == [graph.key for graph in other_graphs]
    assert np.abs(predict(chosen, graphs) - predict(others, other_graphs)).max() < DESCRIPTION_MAX_EV


def test_nearly_equal_atoms_answer_alike_in_every_order(predict: Predict) -> None:
    """Atoms of one node that differ within the tolerance: which of them comes first must not matter."""
    crystal = displaced(repeated(perovskite(), (2, 2, 1)), 1e-4, seed=3)
    orders = [np.random.default_rng(seed).permutation(crystal.n_sites) for seed in range(8)]
    given = [permuted(crystal, order) for order in orders]
    graphs = [build_graph(structure) for structure in given]
    assert graphs[0].n_nodes < crystal.n_sites / 2
    assert np.ptp(predict(given, graphs), axis=0).max() < DESCRIPTION_MAX_EV


def test_distance_half_way_between_labels_keeps_its_key() -> None:
    """Tabulated lattices put distances exactly between two ten-thousandths of an Angstrom."""
    for doubled in range(28_201, 28_241, 2):
        halved = doubled / 10_000 + 0.00005
        crystal = scaled(rock_salt(), 2 * halved / 5.640)
        keys = {build_graph(turned(crystal, random_rotation(seed))).key for seed in range(5)}
        keys |= {build_graph(repeated(crystal, (2, 1, 1))).key, build_graph(crystal).key}
        assert len(keys) == 1


def test_other_crystals_have_other_keys() -> None:
    crystal = perovskite()
    others = [
        scaled(crystal, 1.001),
        displaced(crystal, 0.01, 0),
        Structure(crystal.lattice, crystal.atomic_numbers + np.uint8(1), crystal.frac_coords),
        Structure(crystal.lattice, crystal.atomic_numbers[[1, 0, 2, 3, 4]], crystal.frac_coords),
        Structure(crystal.lattice * np.array([[1], [1], [1.001]]), crystal.atomic_numbers, crystal.frac_coords),
    ]
    assert len({build_graph(structure).key for structure in [crystal, *others]}) == 1 + len(others)
    assert len({build_graph(crystal.structure).key for crystal in bundled_crystals()}) == len(bundled_crystals())


def test_parts_without_contact_all_count_for_the_key() -> None:
    argon, krypton, xenon = 18, 36, 54
    frac = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.0, 0.0]])

    def key(*numbers: int) -> bytes:
        return build_graph(Structure(60 * np.eye(3), np.array(numbers, np.uint8), frac[: len(numbers)])).key

    contents = [(argon, krypton), (argon, xenon), (krypton, xenon), (argon, argon, krypton), (argon, krypton, krypton)]
    assert len({key(*numbers) for numbers in contents}) == len(contents)
    assert key(argon, krypton) == key(krypton, argon)


def test_one_key_joins_only_crystals_of_one_answer(shared_polymorphs: list[Structure], predict: Predict) -> None:
    by_key = defaultdict(list)
    for structure in shared_polymorphs:
        by_key[build_graph(structure).key].append(structure)
    joined = [group for group in by_key.values() if len(group) > 1]
    assert 0 < len(joined) < 0.05 * len(shared_polymorphs), "some polymorphs of the source are one crystal twice"
    for group in joined:
        assert len({structure.reduced_formula for structure in group}) == 1
        values = predict(group, [build_full_graph(structure) for structure in group])
        assert np.ptp(values, axis=0).max() < ANSWER_MAX_EV


@pytest.mark.parametrize("change", [{"k": 13}, {"reach": 1.31}, {"radius_max": 7.0}, {"shell_tolerance": 1e-3}])
def test_key_and_version_change_with_the_rule(change: dict[str, Any]) -> None:
    other = replace(DEFAULT_RULE, **change)
    assert other.version != DEFAULT_RULE.version
    # A lone atom has the same graph under every rule: only the version in the key tells them apart.
    assert build_graph(lone_atom(), other).key != build_graph(lone_atom()).key
    assert build_graph(lone_atom(), GraphRule()).key == build_graph(lone_atom()).key


def test_shells_that_labels_do_not_tell_apart_are_one() -> None:
    """Cut for its width, a shell may be followed by one that is nearer than a label's step."""
    distances = TWO_SHELLS_OF_ONE_LABEL
    _, means = distance_shells(distances, 5e-4)
    assert len(means) == 2
    shells, labels = labelled_shells(distances, 5e-4)
    assert shells.tolist() == [0] * len(distances)
    assert len(labels) == 1


def test_no_neighbour_is_lost_between_shells_of_one_label() -> None:
    """Two atoms of one class, whose edges lie in two shells of one label."""
    distances = TWO_SHELLS_OF_ONE_LABEL
    shells, _ = labelled_shells(distances, 5e-4)
    ends = np.array([0, 5], dtype=np.int32) + 200
    offsets, ones = np.array([0, 1, 2], dtype=np.int32), np.ones(2)
    classes, other = np.zeros(2, dtype=np.int32), np.array([1, 0], dtype=np.int32)
    *_, summed = merged_edges(classes, 1, offsets, other, shells[ends], distances[ends], ones)
    assert summed.tolist() == [1.0]


def test_shells_end_at_gaps_and_not_at_rounded_values() -> None:
    distances = np.array([2.00049, 2.00051, 2.0009, 2.002, 3.0])
    shells, means = distance_shells(distances, 5e-4)
    assert shells.tolist() == [0, 0, 0, 1, 2]
    np.testing.assert_allclose(means, [np.mean(distances[:3]), 2.002, 3.0])


def test_chain_of_near_distances_is_cut_at_four_tolerances() -> None:
    distances = np.arange(2.0, 2.01, 4e-4)
    shells, means = distance_shells(distances, 5e-4)
    for shell in range(len(means)):
        assert np.ptp(distances[shells == shell]) <= 4 * 5e-4 + 1e-12
    assert len(means) == shells.max() + 1 > 1


def test_no_distances_give_no_shells() -> None:
    shells, means = distance_shells(np.zeros(0), 5e-4)
    assert len(shells) == len(means) == 0


def test_shells_number_distances_in_their_order() -> None:
    rng = np.random.default_rng(0)
    distances = rng.choice(rng.uniform(0.7, 8.0, 40), 2000) + rng.uniform(-1e-6, 1e-6, 2000)
    shells, means = distance_shells(distances, 5e-4)
    order = np.argsort(distances)
    assert (np.diff(shells[order]) >= 0).all()
    np.testing.assert_allclose(means, [distances[shells == shell].mean() for shell in range(len(means))], rtol=1e-12)
    assert (np.diff(means) > 5e-4).all()
