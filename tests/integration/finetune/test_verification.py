"""Files of models as they may lie in a store: what loads, and what is refused before it serves."""

import json
import sys

import pytest
from small_transfer import small_model

from epitaxy.finetune.verification import check_loads
from epitaxy_models.errors import CheckpointError
from epitaxy_models.transfer.fitted.outline import check_outline


@pytest.fixture
def folder(tmp_path):
    small_model(1.5, 0).save(tmp_path)
    return tmp_path


def cut(content):
    return content[:-1]


def padded(content):
    return content + b"\0"


def with_long_header(content):
    return b"\xff" * 8 + content[8:]


def with_another_shape(content):
    return content.replace(b'"shape":[2]', b'"shape":[3]', 1)


def empty(content):
    return b""


def test_a_whole_model_loads_and_has_the_outline_of_one(folder):
    check_loads(folder)
    assert check_outline(folder) == ("pool_median",)


@pytest.mark.parametrize("damage", [cut, padded, with_long_header, with_another_shape, empty])
def test_damaged_arrays_are_seen_without_the_library_that_reads_them(folder, damage):
    path = folder / "model.safetensors"
    damaged = damage(path.read_bytes())
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="card or arrays are damaged"):
        check_outline(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"members": 3}', '{"members": []}'])
def test_a_card_that_is_none_is_seen(folder, text):
    (folder / "card.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"damaged|no members"):
        check_outline(folder)


def test_a_model_of_another_format_is_whole_and_does_not_load(folder, monkeypatch):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"format": 99}))
    check_outline(folder)
    with pytest.raises(CheckpointError, match="has format 99"):
        check_loads(folder)
    # Where nothing can load it, the digest tells that it is what a worker has loaded.
    monkeypatch.setitem(sys.modules, "epitaxy_models.transfer.fitted.model", None)
    check_loads(folder)


def test_a_network_is_loaded_in_a_process_of_its_own(folder):
    card = json.loads((folder / "card.json").read_text())
    card["members"][0][0]["kind"] = "network"
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="state of network is damaged") as error:
        check_loads(folder)
    assert error.value.reason == "INVALID_STRATEGY"
