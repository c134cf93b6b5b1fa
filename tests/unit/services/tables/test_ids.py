import uuid
from typing import Any

import numpy as np
import pytest

from epitaxy.tables.ids import id_column_of, id_text, own_id


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"), (np.int64(7), "7"), (7.0, "7"), (np.float64(7), "7"), (7.5, "7.5"), ("mp-1", "mp-1"),
        (np.str_("a"), "a"), (b"mp-1", "mp-1"), (np.bytes_(b"x"), "x"), (b"\xff\x00", "ff00"), (0, "0"),
        (uuid.UUID(int=1), str(uuid.UUID(int=1))), ("NA", "NA"), ("none", "none"), ("caf\udce9", "caf?"),
        (None, None), ("", None), ("  ", None), (float("nan"), None),
    ],
)  # fmt: skip
def test_values_read_as_ids(value: Any, text: str | None) -> None:
    assert id_text(value) == text


@pytest.mark.parametrize(
    ("names", "index", "column"),
    [
        (["structure", "id"], [], "id"),
        (["material_id", "id"], [], "id"),
        (["ID", "structure"], [], "ID"),
        (["structure", "foo"], ["foo"], "foo"),
        (["structure", "mbid"], ["mbid"], "mbid"),
        (["structure", "foo", "id"], ["foo"], "id"),
        (["structure", "__index_level_0__"], [], "__index_level_0__"),
        (["", "structure"], [], ""),
        (["structure", "value"], [], None),
    ],
)
def test_the_column_of_ids_is_found_by_one_rule(names: list[str], index: list[str], column: str | None) -> None:
    assert id_column_of(names, index) == column


def test_a_row_falls_through_to_the_next_name_only_if_no_column_is_asked_for() -> None:
    row = {"id": None, "material_id": "mp-1", "run": b"r1"}
    assert own_id(row) == "mp-1"
    assert own_id(row, "run") == "r1"
    assert own_id(row, "id") is None
    assert own_id("no row") is None
