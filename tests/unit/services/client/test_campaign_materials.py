"""Pools, results and plates of molecules, polymers and compositions, on their way to the server."""

from pathlib import Path

import pytest

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.cli.campaign.recommend import plate_rows
from epitaxy.cli.campaign.text import batch_document
from epitaxy.client import LabelCondition, composition_column, element_columns, polymer_column
from epitaxy.client.campaigns.goals import Objective
from epitaxy.client.campaigns.pool import PoolColumns, candidate_messages
from epitaxy.client.campaigns.reading import read_batch
from epitaxy.client.campaigns.result_rows import ResultColumns

TEMPERATURE, LOT = LabelCondition("t", "degC"), LabelCondition("lot", "category")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "pool.csv"
    path.write_text("id,unit,t,lot,euro,price\na,*CC*,25,7,2,1.5\nb,,25,7,2,1.5\nc,*CO*,,x,3,\n")
    return path


def test_a_pool_of_polymers_carries_conditions_and_keeps_costs_apart(table: Path) -> None:
    columns = PoolColumns(polymer_column("unit"), None, "euro", "", ("price",), (TEMPERATURE, LOT))
    (message,) = candidate_messages(columns.open(table), columns)
    assert [(name, error.reason) for name, error in message.refused] == [("b", "EMPTY_POLYMER")]
    one, other = message.candidates
    assert (one.id, one.structure.polymer, one.cost) == ("a", "*CC*", 2.0)
    assert dict(one.structure.known_values) == {"price": 1.5}
    conditions = one.structure.conditions
    assert (conditions["t"].number, conditions["t"].unit) == (25.0, "degC")
    # A number that is said to be a category is a word.
    assert (conditions["lot"].category, conditions["lot"].unit) == ("7", "")
    assert set(other.structure.conditions) == {"lot"}


def test_a_table_that_the_server_reads_says_its_kind_and_conditions() -> None:
    file = PoolColumns(element_columns("Al,Ni:wt"), conditions=(TEMPERATURE,)).to_file("file:///x.csv")
    assert file.kind == pb.PoolFile(kind="MATERIAL_KIND_COMPOSITION").kind
    assert (file.element_columns, file.conditions[0].name, file.conditions[0].unit) == ("Al,Ni:wt", "t", "degC")
    assert PoolColumns().to_file("file:///x.csv").kind == 0


def test_a_sample_from_outside_comes_with_its_material_and_conditions() -> None:
    rows = [
        {"id": "a", "alloy": "NiAl", "t": 25.0, "strength": 300.0},
        {"id": "b", "alloy": None, "t": 800.0, "strength": 200.0},
    ]
    asked = ResultColumns(
        [Objective.parse("strength:max", "MPa")], {}, "", composition_column("alloy"), None, (TEMPERATURE,)
    )
    read, refused, n_empty = asked.read(rows).read()
    assert (refused, n_empty) == ([], 0)
    assert read[0].result.structure.composition == "NiAl"
    assert read[0].result.structure.conditions["t"].number == 25.0
    assert not read[1].result.HasField("structure")


def test_a_plate_and_the_json_say_at_which_condition_to_measure() -> None:
    entry = pb.Recommendation(ticket="tk", id="a", formula="NiAl")
    entry.conditions["t"].number, entry.conditions["t"].unit = 800.0, "degC"
    entry.conditions["route"].category = "forged"
    batch = read_batch(pb.RecommendResponse(batch=[entry, pb.Recommendation(ticket="tl", id="b")]))
    header, one, other = plate_rows(batch, [Objective.parse("strength:max", "MPa")])
    assert header[4:6] == ["route", "t [degC]"]
    assert one[4:6] == ["forged", 800.0]
    assert other[4:6] == ["", ""]
    assert batch_document(batch)["batch"][0]["conditions"]["t"] == {"value": 800.0, "unit": "degC"}
