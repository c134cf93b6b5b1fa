"""From graphs to calibrated predictions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.calibration.difficulty import DifficultyShape
from epitaxy_models.calibration.groups import N_CELLS, GroupMultipliers, levels_of
from epitaxy_models.calibration.verdict import DomainVerdict
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.heads.property_heads import PropertyHeads
from epitaxy_models.heads.readout import composition_of
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.inputs import SUBSTRATE

STRUCTURES = list(specimens().values())
GRAPHS = [build_graph(structure) for structure in STRUCTURES]
ATOMS = [structure.atomic_numbers for structure in STRUCTURES]


@pytest.fixture
def artifact(saved: Path) -> ModelArtifact:
    return load_artifact(saved)


def test_serving_answers_as_the_trained_network(artifact: ModelArtifact) -> None:
    config = artifact.card.backbone
    backbone, heads = StackedBackbone(config), PropertyHeads(config.n_members, config.embedding_width, 3)
    for module, tensors in ((backbone, artifact.backbone), (heads, artifact.heads)):
        module.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    graph = to_tensors(collate(GRAPHS), config)
    with torch.no_grad():
        values, scales = (out.numpy()[..., [0, 2]] for out in heads(backbone(graph), graph.composition))
    mean, epistemic, aleatoric = CalibratedReadout(artifact).spread(Embedder(artifact)(GRAPHS), ATOMS)
    np.testing.assert_allclose(mean, values.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(epistemic, values.std(axis=0, ddof=1), atol=1e-5)
    # A Laplace distribution of scale b has the variance 2 b^2.
    np.testing.assert_allclose(aleatoric**2, (2 * scales.astype(float) ** 2).mean(axis=0), rtol=1e-4)


def test_interval_is_the_calibrated_multiple_of_the_expected_error(artifact: ModelArtifact) -> None:
    prediction = CalibratedReadout(artifact)(Embedder(artifact)(GRAPHS), STRUCTURES, 0.9)
    expected = np.hypot(prediction.epistemic_std, prediction.aleatoric_std)
    half = artifact.card.properties[0].calibrator.half_widths(expected[:, 0], 0.9)
    np.testing.assert_allclose(prediction.upper[:, 0] - prediction.values[:, 0], half)
    np.testing.assert_allclose(prediction.values[:, 0] - prediction.lower[:, 0], half)
    np.testing.assert_allclose(prediction.stds, expected.clip(min=0.05), rtol=1e-6)


def test_intervals_widen_outside_of_the_domain_where_the_calibration_says_so(artifact: ModelArtifact) -> None:
    embeddings = Embedder(artifact)(GRAPHS)
    plain = CalibratedReadout(artifact)(embeddings, STRUCTURES, 0.9)
    widening = [
        replace(entry, calibrator=replace(entry.calibrator, shape=DifficultyShape(1.0, 0.3)))
        for entry in artifact.card.properties
    ]
    other = replace(artifact, card=replace(artifact.card, properties=tuple(widening)))
    wide = CalibratedReadout(other)(embeddings, STRUCTURES, 0.9)
    scores = np.array([domain.score for domain in wide.domains])
    ratio = (wide.upper - wide.values)[:, 0] / (plain.upper - plain.values)[:, 0]
    np.testing.assert_allclose(ratio, (1.003 - scores) ** -0.3)


def test_domains_alone_are_those_of_the_prediction(artifact: ModelArtifact) -> None:
    readout, embeddings = CalibratedReadout(artifact), Embedder(artifact)(GRAPHS)
    assert readout.domains(embeddings, STRUCTURES) == readout(embeddings, STRUCTURES, 0.5).domains


def test_values_and_intervals_respect_physical_bounds(artifact: ModelArtifact) -> None:
    prediction = CalibratedReadout(artifact)(Embedder(artifact)(GRAPHS), STRUCTURES, 0.95)
    assert prediction.values.shape == (len(STRUCTURES), 2)
    assert prediction.lower[:, 1].min() >= 0
    assert (prediction.lower <= prediction.values).all()
    assert (prediction.values <= prediction.upper).all()
    assert len(prediction.domains) == len(STRUCTURES)


def _knowing_elements(artifact: ModelArtifact, floor: float, equals: tuple[str, ...] = ()) -> ModelArtifact:
    heads = ("energy", "teacher", "gap")
    card = replace(artifact.card, heads=heads, element_floors={"energy": floor}, element_equals=equals)
    return replace(artifact, card=card)


IS_ELEMENT = np.array([len(np.unique(atoms)) == 1 for atoms in ATOMS])


def test_no_member_and_no_interval_goes_below_the_floor_of_elements(artifact: ModelArtifact) -> None:
    embeddings = Embedder(artifact)(GRAPHS)
    plain = CalibratedReadout(artifact)(embeddings, STRUCTURES, 0.9)
    floor = float(plain.values[IS_ELEMENT, 0].max()) - 0.01
    changed = _knowing_elements(artifact, floor)
    found = CalibratedReadout(changed)(embeddings, STRUCTURES, 0.9)
    assert 0 < IS_ELEMENT.sum() < len(IS_ELEMENT)
    assert found.values[IS_ELEMENT, 0].min() >= floor
    assert found.lower[IS_ELEMENT, 0].min() >= floor - 1e-6
    for name in ("values", "lower", "upper"):
        np.testing.assert_array_equal(getattr(found, name)[~IS_ELEMENT], getattr(plain, name)[~IS_ELEMENT])
        np.testing.assert_array_equal(getattr(found, name)[:, 1], getattr(plain, name)[:, 1])
    # What tenants learn from is the same.
    inputs = SubstrateFeatures(changed).inputs_from(STRUCTURES, GRAPHS, embeddings)
    np.testing.assert_allclose(inputs.blocks[SUBSTRATE][:, 0], found.values[:, 0], atol=1e-5)


def test_heads_of_one_quantity_agree_on_elements(artifact: ModelArtifact) -> None:
    embeddings = Embedder(artifact)(GRAPHS)
    means, _, _ = CalibratedReadout(artifact).spread(embeddings, ATOMS)
    changed = _knowing_elements(artifact, -1e9, ("energy", "gap"))
    together, _, _ = CalibratedReadout(changed).spread(embeddings, ATOMS)
    np.testing.assert_allclose(together[IS_ELEMENT, 0], means[IS_ELEMENT].mean(axis=1), atol=1e-5)
    np.testing.assert_array_equal(together[IS_ELEMENT, 0], together[IS_ELEMENT, 1])
    np.testing.assert_array_equal(together[~IS_ELEMENT], means[~IS_ELEMENT])
    # A head that is read alone says the same as with its equal.
    alone, scales = changed.readout([0])(embeddings, composition_of(ATOMS))
    assert alone.shape == scales.shape == (3, len(STRUCTURES), 1)
    np.testing.assert_allclose(alone.mean(axis=0)[:, 0], together[:, 0], atol=1e-5)


def test_a_group_without_calibration_structures_goes_to_review(artifact: ModelArtifact) -> None:
    embeddings = Embedder(artifact)(GRAPHS)
    levels = levels_of(np.arange(N_CELLS))
    support = tuple(np.where(levels[:, 0] == 0, 18, 19).tolist())
    groups = GroupMultipliers((0.5, 0.99), ((0.0, 1.0),) * N_CELLS, support)
    entries = [replace(one, calibrator=replace(one.calibrator, groups=groups)) for one in artifact.card.properties]
    other = replace(artifact, card=replace(artifact.card, properties=tuple(entries)))
    domains = CalibratedReadout(other)(embeddings, STRUCTURES, 0.9).domains
    plain = CalibratedReadout(artifact)(embeddings, STRUCTURES, 0.9).domains
    assert all(
        one.verdict is DomainVerdict.OUT_OF_DOMAIN for one, is_one in zip(domains, IS_ELEMENT, strict=True) if is_one
    )
    for row in np.flatnonzero(~IS_ELEMENT):
        assert domains[row] == plain[row]


def test_prediction_does_not_depend_on_its_batch(artifact: ModelArtifact) -> None:
    embedder, readout = Embedder(artifact), CalibratedReadout(artifact)
    together = readout(embedder(GRAPHS), STRUCTURES, 0.9)
    for row, (graph, structure) in enumerate(zip(GRAPHS, STRUCTURES, strict=True)):
        alone = readout(embedder([graph]), [structure], 0.9)
        np.testing.assert_allclose(alone.values[0], together.values[row], atol=1e-5)
        np.testing.assert_allclose(alone.upper[0], together.upper[row], atol=1e-5)


def test_no_graphs_give_no_rows(artifact: ModelArtifact) -> None:
    embeddings = Embedder(artifact)([])
    assert embeddings.shape == (0, 3, artifact.card.backbone.embedding_width)
    prediction = CalibratedReadout(artifact)(embeddings, [], 0.9)
    assert prediction.values.shape == (0, 2)
    assert prediction.domains == ()


@pytest.mark.parametrize("coverage", [0.1, 1.0])
def test_impossible_coverage_is_refused(artifact: ModelArtifact, coverage: float) -> None:
    with pytest.raises(ConfigurationError, match="coverage must lie between"):
        CalibratedReadout(artifact)(Embedder(artifact)(GRAPHS), STRUCTURES, coverage)


def test_embedder_follows_the_card(artifact: ModelArtifact) -> None:
    other = replace(artifact.card, backbone=BackboneConfig(n_members=3, width=8, n_layers=2, n_grid=64))
    coarse = Embedder(replace(artifact, card=other))(GRAPHS)
    assert np.abs(coarse - Embedder(artifact)(GRAPHS)).max() > 1e-6
