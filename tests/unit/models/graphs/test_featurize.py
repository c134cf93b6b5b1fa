"""Several processes featurize as one does, and no row is lost."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.errors import CheckpointError, InvalidStructureError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate, select
from epitaxy_models.graphs.featurize import column_digest, featurized
from epitaxy_models.graphs.graph import DEFAULT_RULE, build_graph
from epitaxy_models.graphs.store import read_store, write_batches
from epitaxy_models.structures import structure_to_column


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [structure_to_column(crystal.structure) for crystal in bundled_crystals()]


def test_two_processes_give_the_store_of_one_in_order(texts: list[str], tmp_path: Path) -> None:
    counts: list[int] = []
    write_batches(tmp_path, featurized(texts, DEFAULT_RULE, processes=2), DEFAULT_RULE, counts.append)
    expected = collate([build_graph(crystal.structure) for crystal in bundled_crystals()])
    found = read_store(tmp_path, DEFAULT_RULE)
    for field in fields(CrystalGraphBatch):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name), err_msg=field.name)
    assert counts == [256, 512, len(texts)]


def test_selected_graphs_of_a_store_are_those_of_memory(texts: list[str], tmp_path: Path) -> None:
    write_batches(tmp_path, featurized(texts[:20], DEFAULT_RULE), DEFAULT_RULE)
    found = select(read_store(tmp_path, DEFAULT_RULE), np.array([19, 3]))
    expected = collate([build_graph(bundled_crystals()[row].structure) for row in (19, 3)])
    for field in fields(CrystalGraphBatch):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name), err_msg=field.name)


@pytest.mark.parametrize("processes", [1, 2])
def test_structure_that_cannot_be_used_is_named_by_its_row(texts: list[str], tmp_path: Path, processes: int) -> None:
    spoilt = [*texts[:300], '{"lattice": []}', *texts[300:]]
    with pytest.raises(InvalidStructureError, match="row 300: no structure column"):
        write_batches(tmp_path, featurized(spoilt, DEFAULT_RULE, processes), DEFAULT_RULE)
    with pytest.raises(CheckpointError, match="holds no graph store"):
        read_store(tmp_path, DEFAULT_RULE)


def test_store_of_other_structures_is_refused(texts: list[str], tmp_path: Path) -> None:
    digest = column_digest(texts[:4])
    write_batches(tmp_path, featurized(texts[:4], DEFAULT_RULE), DEFAULT_RULE, source=digest)
    assert read_store(tmp_path, DEFAULT_RULE, digest).n_graphs == 4
    with pytest.raises(CheckpointError, match="featurized from other structures") as raised:
        read_store(tmp_path, DEFAULT_RULE, column_digest(texts[1:5]))
    assert raised.value.reason == "STALE_STORE"
