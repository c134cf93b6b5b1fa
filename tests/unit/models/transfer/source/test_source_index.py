"""The training corpus of a model in one small file."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.source_index import (
    FaissIndex,
    SourceIndex,
    build_source_index,
    described_materials,
    load_source_index,
    prototype_of,
    save_source_index,
    shipped_source_index,
)
from epitaxy_models.source_index.__main__ import main
from epitaxy_models.source_index.materials import short_key
from epitaxy_models.source_index.projection import LatentProjection
from epitaxy_models.structures import Structure, structure_to_column
from epitaxy_models.testing.equivalent_cells import random_rotation, repeated, turned
from epitaxy_models.training.split import part_of
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS

Edit = Callable[[dict[str, np.ndarray], dict[str, str]], object]


@pytest.fixture
def path(index: SourceIndex, tmp_path: Path) -> Path:
    save_source_index(index, tmp_path / "index.safetensors")
    return tmp_path / "index.safetensors"


@pytest.fixture
def edit(path: Path) -> Callable[[Edit], None]:
    """Changes tensors and metadata of the saved index."""

    def change(how: Edit) -> None:
        tensors = load_file(path)
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata())
        how(tensors, metadata)
        save_file(tensors, path, metadata)

    return change


def test_a_saved_index_loads_to_the_same(index: SourceIndex, path: Path) -> None:
    loaded = load_source_index(path, index.weights_digest)
    assert loaded.materials.ids == index.materials.ids
    assert loaded.materials.formulas == index.materials.formulas
    assert (loaded.labels.names, loaded.labels.units) == (("formation_energy", "band_gap"), ("eV/atom", "eV"))
    for mine, other in (
        (loaded.quantised.codes, index.quantised.codes),
        (loaded.quantised.steps, index.quantised.steps),
        (loaded.projection.directions, index.projection.directions),
        (loaded.projection.centre, index.projection.centre),
        (loaded.materials.space_groups, index.materials.space_groups),
        (loaded.materials.keys, index.materials.keys),
        (loaded.labels.values, index.labels.values),
        (loaded.held_out_distances, index.held_out_distances),
    ):
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine, other)


def test_a_crystal_of_the_corpus_is_its_own_nearest_material(
    index: SourceIndex, vectors: FaissIndex, artifact: ModelArtifact, crystals: list[Structure]
) -> None:
    """In whatever cell it is given, and before all others."""
    chosen = [3, 40, 90, 150]
    cells = [turned(repeated(crystals[row], (2, 1, 1)), random_rotation(row)) for row in chosen]
    embeddings = Embedder(artifact)([build_graph(cell) for cell in cells])
    found = vectors.search(index.coordinates(embeddings), 5)
    assert found.ids[:, 0].tolist() == chosen
    assert (found.distances[:, 0] < 0.2 * found.distances[:, 4]).all()


def test_codes_keep_the_order_of_distances(
    index: SourceIndex, artifact: ModelArtifact, graphs: list[CrystalGraph]
) -> None:
    exact = index.coordinates(Embedder(artifact)(graphs[: index.n_materials]))
    distances = [np.linalg.norm(rows[:, None] - rows, axis=2) for rows in (exact, index.quantised.vectors())]
    assert np.abs(distances[0] - distances[1]).max() < 0.02 * np.median(distances[0])


def test_a_material_tells_what_the_corpus_knows(index: SourceIndex, crystals: list[Structure]) -> None:
    material = index.material(index.n_materials - 1)
    assert material.id == f"mp-{index.n_materials - 1}"
    assert material.formula == crystals[index.n_materials - 1].reduced_formula
    assert material.labels == {"formation_energy": 0.0, "band_gap": None}
    assert index.material(0).labels == {"formation_energy": -3.0, "band_gap": 0.0}
    assert 1 <= material.space_group <= 230


def test_percentiles_rise_from_the_corpus_outwards(index: SourceIndex) -> None:
    nearest, median, farthest = index.held_out_distances[[0, 500, -1]].astype(np.float64)
    assert index.percentiles(np.array([nearest / 2, median, farthest * 2])) == pytest.approx([0, 0.5, 1], abs=0.05)


def test_counts_of_elements_formulas_and_prototypes(index: SourceIndex, crystals: list[Structure]) -> None:
    source = crystals[: index.n_materials]
    assert index.materials.element_counts[8] == sum(8 in crystal.atomic_numbers for crystal in source)
    assert index.materials.prototype_counts.total() == len(source)
    assert crystals[0].reduced_formula in index.materials.known_formulas
    assert short_key(build_graph(repeated(crystals[0], (1, 2, 1))).key) in index.materials.known_keys


@pytest.mark.parametrize(
    ("formula", "group", "expected"),
    [("O3SrTi", 221, "A3BC:221"), ("ClNa", 225, "AB:225"), ("Si", 227, "A:227"), ("Al2MgO4", 227, "A4B2C:227")],
)
def test_prototype_forgets_the_elements(formula: str, group: int, expected: str) -> None:
    assert prototype_of(formula, group) == expected


def test_an_index_of_another_model_is_refused(path: Path) -> None:
    with pytest.raises(CheckpointError, match="build it again") as caught:
        load_source_index(path, "sha256:" + "0" * 64)
    assert caught.value.reason == "FOREIGN_SOURCE_INDEX"


def test_embeddings_of_another_width_are_refused(index: SourceIndex) -> None:
    with pytest.raises(ConfigurationError, match="7 channels, the source index 96"):
        index.coordinates(np.zeros((2, 1, 7), dtype=np.float32))


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (lambda tensors, metadata: tensors.pop("codes"), "UNREADABLE_SOURCE_INDEX"),
        (lambda tensors, metadata: tensors.update(keys=tensors["keys"][:-1]), "INVALID_SOURCE_INDEX"),
        (lambda tensors, metadata: tensors.update(steps=tensors["steps"][:-1]), "INVALID_SOURCE_INDEX"),
        (lambda tensors, metadata: tensors.update(ids=tensors["ids"][:-9]), "UNREADABLE_SOURCE_INDEX"),
        (lambda tensors, metadata: tensors.update(ids=np.arange(90, dtype=np.uint8)), "UNREADABLE_SOURCE_INDEX"),
        (lambda tensors, metadata: metadata.update(format="epitaxy-source-index-0"), "STALE_SOURCE_INDEX"),
        (lambda tensors, metadata: metadata.update(properties="{"), "UNREADABLE_SOURCE_INDEX"),
        (lambda tensors, metadata: metadata.update(properties=json.dumps({"a": "eV"})), "INVALID_SOURCE_INDEX"),
    ],
)
def test_a_damaged_file_is_refused(
    how: Edit, reason: str, edit: Callable[[Edit], None], path: Path, index: SourceIndex
) -> None:
    edit(how)
    with pytest.raises(CheckpointError, match=r"index|column|rows|labels|codes") as caught:
        load_source_index(path, index.weights_digest)
    assert caught.value.reason == reason


def test_loading_runs_no_code(tmp_path: Path, index: SourceIndex) -> None:
    (tmp_path / "x").write_bytes(pickle.dumps({"codes": 1}))
    with pytest.raises(CheckpointError, match="no readable source index"):
        load_source_index(tmp_path / "x", index.weights_digest)


def test_a_missing_index_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"python -m epitaxy_models.source_index"):
        load_source_index(tmp_path / "none.safetensors", "sha256:0")


def test_the_shipped_index_is_none_of_another_model() -> None:
    with pytest.raises(CheckpointError, match=r"python -m epitaxy_models.source_index"):
        shipped_source_index("sha256:" + "0" * 64)


def test_parts_of_different_lengths_make_no_index(index: SourceIndex) -> None:
    with pytest.raises(CheckpointError, match="parts of"):
        replace(index, labels=replace(index.labels, values=index.labels.values[1:]))


def test_rows_and_labels_that_disagree_are_refused(
    artifact: ModelArtifact, crystals: list[Structure], graphs: list[CrystalGraph]
) -> None:
    materials = described_materials(["a", "b"], crystals[:2], graphs[:2])
    with pytest.raises(ConfigurationError, match="3 rows with 2 materials"):
        build_source_index(
            artifact, collate(graphs[:6]), np.arange(3), np.arange(3, 6), materials, np.zeros((3, 2), dtype=np.float32)
        )


def test_directions_are_the_leading_ones_of_all_members() -> None:
    """Variances 9 and 4 in two channels of two members, next to nothing elsewhere."""
    random = np.random.default_rng(1)
    embeddings = 0.01 * random.normal(size=(400, 2, 3)).astype(np.float32)
    embeddings[:, 0, 1] += 3 * random.normal(size=400)
    embeddings[:, 1, 2] += 2 * random.normal(size=400)
    projection = LatentProjection.fit([embeddings[:150], embeddings[150:]], n_directions=2)
    leading = np.abs(projection.directions.astype(np.float64).reshape(2, 3, 2))
    assert (leading[0, 1, 0], leading[1, 2, 1]) == pytest.approx((3**-0.25, 2**-0.25), rel=0.06)
    assert projection(embeddings).mean(axis=0) == pytest.approx([0, 0], abs=1e-3)


def test_one_structure_fixes_no_direction() -> None:
    with pytest.raises(ConfigurationError, match="two structures or more, got 1"):
        LatentProjection.fit([np.ones((1, 2, 3), dtype=np.float32)])


def test_the_command_indexes_the_training_part(
    model_folder: Path, artifact: ModelArtifact, crystals: list[Structure], tmp_path: Path
) -> None:
    table = {task.column: np.linspace(0, 1, len(crystals)) for task in MATERIALS_PROJECT_TASKS}
    formulas = [crystal.reduced_formula for crystal in crystals]
    table |= {"id": [f"mp-{row}" for row in range(len(crystals))], "formula": formulas}
    table["structure"] = list(map(structure_to_column, crystals))
    pd.DataFrame(table).to_parquet(tmp_path / "mp.parquet")
    out = tmp_path / "index.safetensors"
    main(
        [
            *("--data", str(tmp_path / "mp.parquet"), "--work", str(tmp_path)),
            *("--model", str(model_folder), "--out", str(out)),
        ]
    )
    index = load_source_index(out, artifact.weights_digest)
    trained = [row for row, formula in enumerate(formulas) if part_of(formula) == "train"]
    assert index.materials.ids == tuple(f"mp-{row}" for row in trained)
    assert index.labels.of_row(1)["band_gap"] == pytest.approx(trained[1] / (len(crystals) - 1), abs=1e-3)
