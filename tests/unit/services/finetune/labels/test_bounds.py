"""Labels that are bounds, from the cells of a table to the job's own table, by both ways that labels come in."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.chassis.errors import InvalidRequestError as ServerError
from epitaxy.client import InvalidRequestError, ItemError
from epitaxy.client.finetune.columns import FineTuneRequest, LabelColumn
from epitaxy.client.finetune.labels import Labels, labels_of, read_labels
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable, check_labels
from epitaxy.finetune.labels.readers import read_table
from epitaxy.finetune.messages import source_of, spec_of
from epitaxy.finetune.store.label_file import decode_labels, encode_labels
from epitaxy.tables.bounds import read_bounds
from epitaxy.tables.numbers import read_bounded_column, read_column
from epitaxy_models.testing.specimens import specimens

CRYSTAL = json.dumps({"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": [11, 17], "frac": [[0] * 3, [0.5] * 3]})
CELLS = ["1e-3", "< 1e-8", ">=0.5", "\u2264 2e-6", ">1", "", "0.25", "1e-4", "2e-4", "3e-4", "4e-4", "5e-4"]
SIDES = [0, -1, 1, -1, 1, 0, 0, 0, 0, 0, 0, 0]
TOLD = [False, True, False, True, False, False, True, False, False, False, False, False]


def test_a_cell_with_a_sign_is_a_bound_only_where_bounds_are_read() -> None:
    column = read_bounded_column([*CELLS, 3, None, "<", "< x", "<<2"])
    assert column.sides[: len(CELLS)] == tuple(SIDES)
    assert column.values[:5] == (1e-3, 1e-8, 0.5, 2e-6, 1.0)
    assert [row - len(CELLS) for row, _ in column.bad] == [2, 3, 4]
    assert [row for row, _ in read_column(CELLS).bad] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "cells", "sides"),
    [
        ("is_upper_bound", [True, False, None, np.bool_(True), 1.0, 0.0, "true"], (-1, 0, 0, -1, -1, 0, -1)),
        ("lower_limit", [True, "yes", "no"], (1, 1, 0)),
        ("censoring", ["<", ">", "=", "", "upper", "Lower", "left", "right"], (-1, 1, 0, 0, -1, 1, -1, 1)),
    ],
)
def test_a_column_tells_by_truth_values_or_words(name: str, cells: list[Any], sides: tuple[int, ...]) -> None:
    assert read_bounds(cells, name).sides == sides
    assert read_bounds([*cells, "perhaps", 2.5], name).bad[0][0] == len(cells)


@pytest.fixture(params=["csv", "parquet"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    frame = pd.DataFrame(
        {
            "id": [f"c{row}" for row in range(len(CELLS))],
            "structure": CRYSTAL,
            "sigma": CELLS,
            "is_upper_bound": TOLD,
            "other": "< 1",
        }
    )
    path = tmp_path / f"t.{request.param}"
    frame.to_csv(path, index=False) if request.param == "csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("censored", ["", "is_upper_bound"])
def test_both_ways_give_the_job_one_table(table: Path, censored: str) -> None:
    sides = [own or (-1 if told else 0) for own, told in zip(SIDES, TOLD, strict=True)] if censored else SIDES
    labels = labels_of(str(table), ["sigma"], "structure", None, skip_refused=False, censored=censored)
    assert isinstance(labels, Labels)
    request = finetune_pb2.CreateFineTuneJobRequest(inline=labels.to_proto())
    sent = source_of(finetune_pb2.CreateFineTuneJobRequest.FromString(request.SerializeToString()))
    read = read_table(
        table.read_bytes(), LabelFile(f"file:///{table.name}", id_column="id", censored_column=censored), ["sigma"], 99
    )
    assert isinstance(sent, LabelTable)
    for found in (sent, read, decode_labels(encode_labels(read))):
        np.testing.assert_array_equal(found.sides["sigma"], sides)
        np.testing.assert_array_equal(found.values["sigma"], labels.values["sigma"])


def test_the_file_on_the_server_is_told_of_the_column_and_rows_left_out_take_their_side(table: Path) -> None:
    message = labels_of("s3://bucket/t.csv", ["sigma"], "structure", None, skip_refused=True, censored="censored")
    assert isinstance(message, finetune_pb2.LabelFile)
    request = finetune_pb2.CreateFineTuneJobRequest(file=message)
    file = source_of(request)
    assert isinstance(file, LabelFile)
    assert file.censored_column == "censored"
    labels = read_labels(str(table), ["sigma"], with_bounds=True)
    refused = replace(labels.items[0], source=ItemError("UNREADABLE", "no structure"))
    kept = replace(labels, items=(refused, *labels.items[1:])).without_refused()
    assert kept.sides is not None
    assert kept.sides.tolist() == SIDES[1:]


def test_bounds_where_none_may_be_are_refused_with_their_place(table: Path) -> None:
    with pytest.raises(InvalidRequestError, match="other holds '< 1', which is not a number"):
        read_labels(str(table), ["sigma", "other"], with_bounds=True)
    with pytest.raises(InvalidRequestError, match="sigma holds '< 1e-8', which is not a number"):
        read_labels(str(table), ["sigma"])
    with pytest.raises(InvalidRequestError, match="sigma holds '1e-3': write true or false"):
        read_labels(str(table), ["other"], with_bounds=True, censored="sigma")
    with pytest.raises(ServerError, match="sigma holds '1e-3': write true or false"):
        read_table(table.read_bytes(), LabelFile(f"file:///{table.name}", censored_column="sigma"), ["other"], 99)


def test_laws_go_with_the_request_and_must_read_what_is_stated() -> None:
    asked = FineTuneRequest("m", LabelColumn("sigma"), "S/cm", laws=("bounded:0:inf",))
    assert spec_of(asked.to_proto(), 60.0).laws == ("bounded:0:inf",)
    for law, why in (
        ("arrhenius:t", "reads 't'"),
        ("nernst:t", "write one of arrhenius"),
        ("monotone:t", "write one of"),
        ("ordered:v:under", "reads 'v'"),
    ):
        wrong = FineTuneRequest("m", LabelColumn("sigma"), "S/cm", laws=(law,))
        with pytest.raises(ServerError, match=why):
            spec_of(wrong.to_proto(), 60.0)


def test_labels_of_which_only_bounds_vary_are_constant() -> None:
    values = np.full(12, 3.0)
    values[:2] = 4.0
    sides = {"sigma": np.array([-1, -1, *[0] * 10], dtype=np.int8)}
    spec = spec_of(FineTuneRequest("m", LabelColumn("sigma"), "S/cm").to_proto(), 60.0)
    with pytest.raises(ServerError, match="the labels are constant"):
        check_labels(_table(values, sides), spec)


def _table(values: np.ndarray, sides: dict[str, np.ndarray]) -> LabelTable:
    crystal = next(iter(specimens().values()))
    return LabelTable([str(row) for row in range(len(values))], [crystal] * len(values), {"sigma": values}, {}, sides)
