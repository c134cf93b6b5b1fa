from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures.structure import Structure
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.transfer.descriptors import DESCRIPTOR_NAMES
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, ESTIMATES, FIDELITIES, SUBSTRATE


@pytest.fixture(scope="module")
def artifact() -> ModelArtifact:
    return load_artifact(shipped_model())


@pytest.fixture(scope="module")
def embed(artifact: ModelArtifact) -> Embedder:
    return Embedder(artifact)


@pytest.fixture(scope="module")
def structures() -> Sequence[Structure]:
    return [structure for name, structure in specimens().items() if name != "lone_atom"]


def test_blocks_have_one_row_a_structure(
    artifact: ModelArtifact, embed: Embedder, structures: Sequence[Structure]
) -> None:
    features = SubstrateFeatures(artifact)
    inputs = features.inputs_of(structures, embed)
    width = artifact.card.backbone.n_members * artifact.card.backbone.embedding_width
    assert {name: block.shape for name, block in inputs.blocks.items()} == {
        DESCRIPTORS: (5, len(DESCRIPTOR_NAMES)),
        EMBEDDING: (5, width),
        SUBSTRATE: (5, features.n_predictions),
        ESTIMATES: (5, 2),
        FIDELITIES: (5, 4),
    }
    assert all(block.dtype == np.float64 and np.isfinite(block).all() for block in inputs.blocks.values())


def test_substrate_predictions_are_those_that_are_served(
    artifact: ModelArtifact, embed: Embedder, structures: Sequence[Structure]
) -> None:
    inputs = SubstrateFeatures(artifact).inputs_of(structures, embed)
    served, _, _ = CalibratedReadout(artifact).spread(embed(inputs.graphs), [s.atomic_numbers for s in structures])
    heads = [entry.head for entry in artifact.card.properties]
    np.testing.assert_allclose(inputs.blocks[SUBSTRATE][:, heads], served, atol=1e-5)


def test_embeddings_already_computed_give_the_same_inputs(
    artifact: ModelArtifact, embed: Embedder, structures: Sequence[Structure]
) -> None:
    features = SubstrateFeatures(artifact)
    column = {"gap_pbe": np.array([5.0, np.nan, 1.8, 0.7, np.nan])}
    fresh = features.inputs_of(structures, embed, column)
    cached = features.inputs_from(structures, fresh.graphs, embed(fresh.graphs), column)
    for name, block in fresh.blocks.items():
        np.testing.assert_allclose(cached.blocks[name], block, atol=1e-5)


def test_a_row_does_not_depend_on_its_neighbours(
    artifact: ModelArtifact, embed: Embedder, structures: Sequence[Structure]
) -> None:
    features = SubstrateFeatures(artifact)
    together, alone = features.inputs_of(structures, embed), features.inputs_of(structures[2:3], embed)
    for name, block in alone.blocks.items():
        np.testing.assert_allclose(block[0], together.blocks[name][2], atol=1e-4)


def test_a_substrate_without_further_heads_has_no_such_block(
    artifact: ModelArtifact, embed: Embedder, structures: Sequence[Structure]
) -> None:
    inputs = SubstrateFeatures(replace(artifact, fidelity_heads=None)).inputs_of(structures, embed)
    assert set(inputs.blocks) == {DESCRIPTORS, EMBEDDING, SUBSTRATE, ESTIMATES}


def test_unknown_low_fidelity_values_are_marked(
    artifact: ModelArtifact, embed: Embedder, structures: Sequence[Structure]
) -> None:
    column = np.array([5.0, np.nan, 0.0, 0.7, np.nan])
    inputs = SubstrateFeatures(artifact).inputs_of(structures, embed, {"gap_pbe": column})
    expected = [[5.0, 1], [0, 0], [0, 1], [0.7, 1], [0, 0]]
    np.testing.assert_array_equal(inputs.blocks["low_fidelity/gap_pbe"], expected)


@pytest.mark.parametrize("column", [np.ones(4), np.full(5, np.inf)])
def test_low_fidelity_columns_of_another_length_are_refused(
    artifact: ModelArtifact, embed: Embedder, structures: Sequence[Structure], column: np.ndarray
) -> None:
    with pytest.raises(ConfigurationError, match=r"'gap_pbe' of shape .* give 5 finite numbers, NaN where unknown"):
        SubstrateFeatures(artifact).inputs_of(structures, embed, {"gap_pbe": column})


def test_no_structures_give_empty_blocks(artifact: ModelArtifact, embed: Embedder) -> None:
    inputs = SubstrateFeatures(artifact).inputs_of([], embed)
    assert {len(block) for block in inputs.blocks.values()} == {0}
