"""The store of featurized graphs, and its refusals."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate
from epitaxy_models.graphs.graph import DEFAULT_RULE, build_graph
from epitaxy_models.graphs.store import read_store, write_store
from epitaxy_models.testing.specimens import specimens


def test_store_reads_back_what_was_written(tmp_path: Path) -> None:
    structures = list(specimens().values())
    counts: list[int] = []
    write_store(tmp_path / "graphs", structures, DEFAULT_RULE, counts.append)
    found = read_store(tmp_path / "graphs", DEFAULT_RULE)
    expected = collate([build_graph(structure) for structure in structures])
    for field in fields(CrystalGraphBatch):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))
        assert isinstance(getattr(found, field.name), np.memmap)
    assert counts == list(range(1, len(structures) + 1))


def test_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no graph store: featurize the data set first") as raised:
        read_store(tmp_path, DEFAULT_RULE)
    assert raised.value.reason == "STORE_MISSING"


def test_store_of_another_rule_is_refused(tmp_path: Path) -> None:
    write_store(tmp_path, specimens().values(), DEFAULT_RULE)
    with pytest.raises(CheckpointError, match=r"quotient-2/k12.*this run needs quotient-2/k16") as raised:
        read_store(tmp_path, replace(DEFAULT_RULE, k=16))
    assert raised.value.reason == "STALE_STORE"


def test_store_of_another_featurizer_code_is_refused(tmp_path: Path) -> None:
    write_store(tmp_path, specimens().values(), DEFAULT_RULE)
    card = tmp_path / "store.json"
    record = json.loads(card.read_text())
    card.write_text(json.dumps(record | {"featurizer": record["featurizer"].replace("quotient-2", "quotient-0")}))
    with pytest.raises(CheckpointError, match="featurized by quotient-0"):
        read_store(tmp_path, DEFAULT_RULE)
