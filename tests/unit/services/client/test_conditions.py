"""Conditions from tables, data frames and values to the wire."""

import json

import numpy as np
import pandas as pd
import pytest
import typer

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.cli.conditions import ConditionPlan
from epitaxy.client import ConditionCard, InvalidRequestError, LabelCondition, ModelCard
from epitaxy.client.finetune.columns import FineTuneRequest, LabelColumn, conditions_of
from epitaxy.client.finetune.labels import read_labels
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.conditions import ConditionColumn
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.source import open_inputs
from epitaxy.client.measurements.batches import MeasurementQuery
from epitaxy.client.screening.packing import pack_items
from epitaxy.finetune.messages import spec_of
from epitaxy.prediction.intake.items import items_of

CELL = json.dumps({"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": ["Na"], "frac": [[0, 0, 0]]})
CIF = "data_x\n_cell_length_a 4\n"
ROWS = [
    {"id": "a", "structure": CELL, "temperature": 300, "T": "25", "route": "flux"},
    {"id": "b", "structure": CELL, "temperature": None, "T": "", "route": "melt"},
    {"id": "c", "structure": CIF, "temperature": 500.0, "T": "26.85", "route": None},
]


def stated(items):
    """What the server reads of each item: pairs of value and unit."""
    return [
        {name: (value.value, value.unit) for name, value in item.conditions.items()}
        for item in items_of(pack_items(list(items))[0])
    ]


def test_columns_of_a_table_reach_the_server_row_by_row():
    read = open_inputs(pd.DataFrame(ROWS), conditions=["temperature", "route"])
    assert stated(read.items) == [
        {"temperature": (300.0, ""), "route": ("flux", "")},
        {"route": ("melt", "")},
        {"temperature": (500.0, "")},
    ]


def test_a_column_of_another_name_and_unit_is_renamed():
    read = open_inputs(pd.DataFrame(ROWS), conditions=["temperature=T:degC"])
    assert stated(read.items) == [{"temperature": (25.0, "degC")}, {}, {"temperature": (26.85, "degC")}]


def test_values_hold_for_all_structures_or_for_each():
    given = {"temperature": (25.0, "degC"), "route": pd.Series(["flux", None, "melt"], index=[7, 8, 9])}
    read = open_inputs([CELL, CELL, CELL], conditions=given)
    temperature = {"temperature": (25.0, "degC")}
    assert stated(read.items) == [
        temperature | {"route": ("flux", "")},
        temperature,
        temperature | {"route": ("melt", "")},
    ]
    short = list(open_inputs([CELL, CELL], conditions={"route": ["flux"]}).items)
    assert short[1].source.reason == "INVALID_CONDITION"


def test_a_cell_that_is_no_condition_costs_its_row():
    read = list(open_inputs(pd.DataFrame([ROWS[0] | {"temperature": float("inf")}]), conditions=["temperature"]).items)
    assert read[0].source.reason == "INVALID_CONDITION"


def test_a_missing_column_is_refused_if_it_is_asked_for_and_unknown_otherwise(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    pd.DataFrame(ROWS).to_csv(tmp_path / "rows.csv", index=False)
    optional = Columns(conditions=(ConditionColumn("pressure", "pressure", is_required=False),))
    for name in ("rows.jsonl", "rows.csv"):
        sources = [source for _, source in Inventory.of([tmp_path / name], columns=optional).read()]
        assert [source.conditions for source in sources] == [()] * 3
    required = Columns(conditions=(ConditionColumn("pressure", "pressure"),))
    [(_, refused)] = Inventory.of([tmp_path / "rows.csv"], columns=required).read()
    assert refused.reason == "NO_CONDITION_COLUMN"


def test_a_message_without_conditions_is_as_before():
    plain = pack_items(list(open_inputs([CELL]).items))[0]
    assert StructureInput.DESCRIPTOR.fields_by_name["conditions"].number == 17
    assert not plain[0].packed.conditions
    assert not plain[0].conditions


@pytest.mark.parametrize("text", ["=T", "temperature=", "temperature=T:", ""])
def test_a_text_that_names_no_condition_is_refused(text):
    with pytest.raises(InvalidRequestError, match="is not a condition: write NAME"):
        open_inputs([CELL], conditions=[text])


def test_labels_carry_their_conditions():
    rows = [row | {"tc_k": float(number)} for number, row in enumerate(ROWS)]
    labels = read_labels(rows, ["tc_k"], conditions=conditions_of(["temperature:K", LabelCondition("route")]))
    message = labels.to_proto()
    assert [column.name for column in message.conditions] == ["temperature", "route"]
    np.testing.assert_array_equal(np.frombuffer(message.conditions[0].numbers), [300.0, np.nan, 500.0])
    assert list(message.conditions[1].categories) == ["flux", "melt", ""]
    with pytest.raises(InvalidRequestError, match=r"row 0 \(a\): route holds 'flux', which is not a number"):
        read_labels(rows, ["tc_k"], conditions=conditions_of(["route:K"]))
    with pytest.raises(InvalidRequestError, match="no column 'pressure'"):
        read_labels(rows, ["tc_k"], conditions=conditions_of(["pressure"]))


def test_a_request_names_conditions_with_units_and_no_column_twice():
    asked = FineTuneRequest("m", LabelColumn("tc_k"), "K", conditions=conditions_of(["t:degC", "route"]))
    spec = spec_of(asked.to_proto(), 60.0)
    assert [(entry.name, entry.number_unit) for entry in spec.conditions] == [("t", "degC"), ("route", "")]
    with pytest.raises(InvalidRequestError, match="a column is named twice"):
        FineTuneRequest("m", LabelColumn("tc_k"), "K", conditions=conditions_of(["tc_k"]))


def test_measurements_go_with_the_conditions_they_were_made_under():
    query = MeasurementQuery("acme/m", "", "K", "T", conditions=(ConditionColumn("temperature", "temperature", "K"),))
    rows = query.read(ROWS)
    sent = [entry for batch in rows.batches() for entry in batch.request.measurements]
    values = [items_of([entry.structure])[0].conditions.get("temperature") for entry in sent]
    assert [value and (value.value, value.unit) for value in values] == [(300.0, "K"), (500.0, "K")]


class TestPlan:
    @pytest.fixture
    def card(self):
        fields = dict.fromkeys(ModelCard.__dataclass_fields__)
        known = (ConditionCard("temperature", "K", (), 300.0, 900.0), ConditionCard("route", "", ("flux",)))
        return ModelCard(**(fields | {"name": "acme/m", "conditions": known}))

    def test_the_models_conditions_are_read_without_a_flag(self, card):
        plan = ConditionPlan.of(None, None)
        names = [(entry.name, entry.column, entry.is_required) for entry in plan.columns_for(card)]
        assert names == [("temperature", "temperature", False), ("route", "route", False)]
        assert plan.as_record() == {}
        assert [entry.covered for entry in card.conditions] == ["300 to 900 K", "flux"]

    def test_flags_rename_and_state_values(self, card):
        plan = ConditionPlan.of(["temperature=T:degC"], ["route=flux"])
        assert plan.columns_for(card) == (ConditionColumn("temperature", "T", "degC"),)
        assert plan.values == {"route": "flux"}
        assert ConditionPlan.of(None, ["temperature=25:degC"]).values == {"temperature": (25.0, "degC")}
        assert plan.as_record() == {"conditions": [["temperature", "T", "degC"]], "at": [["route", "flux"]]}

    @pytest.mark.parametrize(
        ("columns", "values", "match"),
        [
            (["pressure=p"], None, "model acme/m has no condition 'pressure'; it has route, temperature"),
            (["temperature"], ["temperature=300"], "condition temperature is given twice"),
            (None, ["temperature"], "is not a value: write NAME=VALUE"),
        ],
    )
    def test_a_mistake_is_told(self, card, columns, values, match, capsys):
        with pytest.raises(typer.Exit, match="2"):
            ConditionPlan.of(columns, values).columns_for(card)
        assert match in " ".join(capsys.readouterr().err.split())
