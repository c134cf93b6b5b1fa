import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import measurement_server
import pandas as pd
import pytest

from epitaxy.client import AsyncClient, Client, InvalidRequestError, polymer_column
from epitaxy.client.measurements.batches import MeasurementQuery


@pytest.fixture
def seen() -> Any:
    return measurement_server.Seen()


@pytest.fixture
def client(connect: Any, tmp_path: Path, seen: Any) -> Iterator[Client]:
    with measurement_server.serving_in_thread(tmp_path, seen) as target, connect(target) as client:
        yield client


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = measurement_server.rows(150)
    return made


def report(client: Client, data: Any, **options: Any) -> Any:
    return client.report_measurements(data, **({"unit": "K", "value": "tc_k", "property": "tc"} | options))


def test_rows_are_reported_in_messages_of_64_and_answered_in_order(client: Client, seen: Any, rows: Any) -> None:
    rows[3]["tc_k"] = 9.0
    told: list[tuple[int, int]] = []
    made = report(client, rows, model="film", on_progress=lambda *done: told.append(done))
    assert [len(request.measurements) for request in seen.requests] == [64, 64, 22]
    assert [(result.id, result.index) for result in made.results] == [(f"s{index}", index) for index in range(150)]
    assert (made.model, made.version, told[-1]) == ("film", "1", (150, 150))
    odd = made.results[3]
    assert (odd.value, odd.predicted, odd.lower, odd.upper, odd.coverage) == (9.0, 1.0, 0.5, 1.5, 0.9)
    assert (odd.is_inside, odd.is_repeat, odd.error, made.results[4].is_inside) == (False, False, None, True)
    assert (made.health.n_total, made.health.verdict, made.health.property) == (150, "UNDERCONFIDENT", "tc")
    assert made.health.latest_measurement_time is not None
    assert client.model_health("film").properties == (made.health,)


def test_a_report_made_again_is_all_repeats(client: Client, rows: Any) -> None:
    report(client, rows[:70])
    made = report(client, pd.DataFrame(rows))
    assert sum(result.is_repeat for result in made.results) == 70
    assert (len(made.recorded), made.health.n_total) == (150, 150)


def test_an_answer_that_was_lost_is_asked_for_again_and_counts_once(client: Client, seen: Any, rows: Any) -> None:
    seen.drops_left = 1
    made = report(client, rows[:10])
    assert len(seen.requests) == 2
    assert made.health.n_total == 10


def test_rows_that_cannot_be_used_cost_their_neighbours_nothing(client: Client, rows: Any) -> None:
    rows[0]["structure"], rows[1]["id"], rows[2]["tc_k"] = "no structure", "bad-1", None
    made = report(client, rows[:5])
    assert [result.id for result in made.results] == ["s0", "bad-1", "s3", "s4"], "a row without a value is left out"
    assert [result.error.reason for result in made.refused] == ["UNREADABLE", "PARTIAL_OCCUPANCY"]
    assert made.health.n_total == 2
    report(client, rows[:5])


def test_rows_none_of_which_can_be_read_are_not_sent(client: Client, seen: Any, rows: Any) -> None:
    rows[0]["structure"] = "no structure"
    made = report(client, rows[:1])
    assert (seen.requests, made.health, made.model) == ([], None, "")


def test_a_conflict_is_told_row_by_row(client: Client, rows: Any) -> None:
    report(client, rows[:2])
    rows[1]["tc_k"] = 2.0
    made = report(client, rows[:2])
    assert [result.error and result.error.reason for result in made.results] == [None, "MEASUREMENT_CONFLICT"]


def test_a_table_has_any_names_and_known_values_go_along(client: Client, seen: Any, rows: Any, tmp_path: Path) -> None:
    table = pd.DataFrame(rows[:3]).rename(columns={"id": "sample", "structure": "cell"})
    table["cell"] = table["cell"].map(lambda cell: __import__("json").dumps(cell))
    table.assign(tc_dft=[0.5, None, 1.5]).to_parquet(tmp_path / "labels.parquet")
    made = report(client, tmp_path / "labels.parquet", id="sample", structure="cell", known=["tc_dft"])
    assert [result.id for result in made.results] == ["s0", "s1", "s2"]
    columns = [list(entry.structure.packed.known_values) for entry in seen.requests[0].measurements]
    assert [len(entry) for entry in columns] == [1, 0, 1]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rows: [row | {"id": None} for row in rows], "row 0 has no id: name the column of ids"),
        (lambda rows: [row | {"id": "same"} for row in rows], "rows 0 and 1 have the id 'same': give each its own"),
        (lambda rows: [row | {"id": "x" * 129} for row in rows], "at most 128 printable characters"),
        (lambda rows: [row | {"tc_k": "cold"} for row in rows], "tc_k holds 'cold', which is not a number"),
        (lambda rows: [row | {"tc_k": None} for row in rows], "no row has a value in 'tc_k'"),
        (lambda rows: [{"structure": row["structure"], "tc_k": 1.0} for row in rows], "have no column 'id'"),
    ],
)
def test_a_table_that_names_or_measures_nothing_is_refused_here(
    client: Client, seen: Any, rows: Any, change: Any, text: str
) -> None:
    with pytest.raises(InvalidRequestError, match=text):
        report(client, change(rows[:2]))
    assert not seen.requests


def test_another_unit_is_refused_with_the_propertys_own(client: Client, rows: Any) -> None:
    with pytest.raises(InvalidRequestError, match="tc is in 'K': convert the values"):
        report(client, rows[:1], unit="meV")


@pytest.mark.parametrize(
    ("n_inside", "n_outside", "words"),
    [
        (5, 0, "5 of the latest 5 measurements lie within their 90% intervals, chance alone explains 40% to 100%: "
               "too few for a verdict (MAE 0 K, bias +0 K)"),
        (36, 4, "36 of the latest 40 .*: the intervals keep their promise (MAE 0.8 K, bias +0.8 K)"),
        (20, 20, "the intervals are too narrow, do not rely on them"),
        (150, 0, "the intervals are wider than they need be"),
    ],
)  # fmt: skip
def test_the_health_is_said_in_a_sentence(client: Client, rows: Any, n_inside: int, n_outside: int, words: str) -> None:
    for row in rows[n_inside:]:
        row["tc_k"] = 9.0
    said = report(client, rows[: n_inside + n_outside]).health.in_words()
    head, _, tail = words.partition(".*")
    assert head in said
    assert tail in said
    assert "\n" not in said


async def test_the_async_client_reports_the_same(tmp_path: Path, seen: Any, rows: Any) -> None:
    async with measurement_server.serving(tmp_path, seen) as target, AsyncClient(target) as client:
        rows[0]["structure"] = "no structure"
        made = await client.report_measurements(rows, unit="K", value="tc_k", property="tc")
        health = await client.model_health()
    assert len(seen.requests) == 3
    assert (len(made.recorded), len(made.refused)) == (149, 1)
    assert health.properties == (made.health,)


def test_measurements_find_ids_by_the_rule_of_all_tables(rows: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame(rows).rename(columns={"id": "run"})
    query = MeasurementQuery(None, "", "K", "tc_k")
    indexed = frame.set_index("run")
    assert [item.id for item in query.read(indexed).items] == [row["id"] for row in rows]
    frame["structure"] = [json.dumps(structure) for structure in frame["structure"]]
    frame["run"] = "same"
    frame.to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(InvalidRequestError, match="lines 2 and 3 have the id 'same'"):
        replace(query, id="run").read(tmp_path / "m.csv")


def test_other_materials_go_to_the_model_of_their_kind_under_conditions(client: Client, seen: Any) -> None:
    rows = [
        {"id": "a", "unit_smiles": "*CC*", "T": 25.0, "tc_k": 1.0},
        {"id": "b", "unit_smiles": "", "T": 25.0, "tc_k": 1.0},
        {"id": "c", "unit_smiles": "*CO*", "T": None, "tc_k": 2.0},
    ]
    made = report(client, rows, structure=polymer_column("unit_smiles"), conditions=["t=T:degC"])
    assert [(one.id, one.error.reason if one.error else "") for one in made.results] == [
        ("a", ""),
        ("b", "EMPTY_POLYMER"),
        ("c", ""),
    ]
    (request,) = seen.requests
    assert request.model.name == "substrate-molecule"
    assert [entry.structure.polymer for entry in request.measurements] == ["*CC*", "*CO*"]
    first, last = (entry.structure.conditions for entry in request.measurements)
    assert (first["t"].number, first["t"].unit, dict(last)) == (25.0, "degC", {})
    report(client, rows, model="film", structure=polymer_column("unit_smiles"))
    assert seen.requests[-1].model.name == "film"
