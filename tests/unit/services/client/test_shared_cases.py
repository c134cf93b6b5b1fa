"""Situations from public reports, if their inputs lie beside the checkout: what the client makes of them."""

from pathlib import Path

import pytest

from epitaxy.client import ItemError
from epitaxy.client.finetune.labels import read_labels
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.inputs.source import open_inputs

CASES = Path(__file__).resolve().parents[4].parent / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="there is no folder of shared cases beside the checkout")


def read(name: str) -> list[InputItem]:
    items = list(open_inputs(CASES / name).items)
    assert not any(isinstance(item.source, ItemError) for item in items), items
    return items


def test_a_gzipped_contcar_is_text() -> None:
    ((item),) = read("CONTCAR.gz")
    assert (item.id, item.source.kind) == ("CONTCAR", "poscar")  # type: ignore[union-attr]


def test_a_column_of_cif_text_is_read_for_screening_as_for_labels() -> None:
    name = "cif_text_column_screen_refuses.parquet"
    screened, labels = read(name), read_labels(CASES / name, ())
    assert len(screened) == 12
    assert [(item.id, item.source) for item in screened] == [(item.id, item.source) for item in labels.items]


def test_an_index_of_ids_is_kept() -> None:
    assert [item.id for item in read("matbench_index_mbid_ids_lost.parquet")] == ["mp-1", "mp-2"]


def test_every_block_is_a_row() -> None:
    items = read("three_blocks_one_row.cif")
    assert [item.id for item in items] == [f"three_blocks_one_row#icsd_{number}" for number in (1, 2, 3)]
