"""``client.campaigns``, blocking and for asyncio: what goes over the wire, and what becomes of every row."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import campaign_server
import pandas as pd
import pytest

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.client import AsyncCampaigns, Campaigns, Client, InvalidRequestError, NotFoundError, Objective
from epitaxy.client.campaigns.goals import Limit, objectives_of

GOAL = ("gap_eV:match:1.4", "eV")


@pytest.fixture
def seen() -> Any:
    return campaign_server.Seen()


@pytest.fixture
def client(connect: Any, seen: Any) -> Iterator[Client]:
    with campaign_server.serving_in_thread(seen) as target, connect(target) as client:
        yield client


def made(client: Client, n_candidates: int = 12, **options: Any) -> Any:
    pool = options.pop("pool", campaign_server.rows(n_candidates))
    campaign, report = client.campaigns.create("films", pool, *GOAL, **options)
    client.campaigns.wait_until_ready("films")
    return campaign, report


def test_a_pool_is_streamed_in_messages_with_costs_groups_and_known_columns(client: Client, seen: Any) -> None:
    rows = [*campaign_server.rows(700), {"id": "broken", "structure": "no structure"}]
    rows[3] |= {"id": "bad3"}
    told: list[int] = []
    campaign, report = client.campaigns.create(
        "films",
        (row for row in rows),
        *GOAL,
        where="hull<0.1",
        cost_column="price",
        group_column="tray",
        budget=40,
        seed=3,
        start="head",
        excluded_elements=["Pb"],
        on_progress=lambda n_done, total: told.append(n_done),
    )
    messages = seen.of(pb.AddCandidatesRequest)
    assert [(len(message.candidates), message.is_last) for message in messages] == [(512, False), (188, True)]
    assert len({message.request_id for message in messages}) == 2
    third = messages[0].candidates[2]
    assert (third.id, third.cost, third.group) == ("c2", 3.0, "T0")
    block = third.structure.packed
    assert [column.name for column in block.known_values] == ["hull"]
    assert len(block.n_sites) == 4
    assert not block.conditions
    assert {outcome.id: outcome.error.reason for outcome in report.outcomes} == {
        "bad3": "PARTIAL_OCCUPANCY",
        "broken": "UNREADABLE",
    }
    assert (report.n_sent, told, campaign.pool.n_candidates) == (701, [512, 701], 699)
    spec = seen.of(pb.CreateCampaignRequest)[0].spec
    assert (spec.budget.n_candidates, spec.seed, spec.start, spec.is_cost_aware) == (40, 3, pb.START_HEAD, True)
    assert (spec.objectives[0].goal, spec.objectives[0].target) == (pb.GOAL_MATCH, 1.4)
    assert (spec.constraints[0].property, spec.constraints[0].limit, spec.constraints[0].is_upper) == (
        "hull",
        0.1,
        True,
    )


def test_a_pool_at_an_address_is_read_by_the_server(client: Client, seen: Any) -> None:
    client.campaigns.create("films", "s3://lab/pool.parquet", *GOAL, cost_column="price", id_column="mp")
    (request,) = seen.of(pb.CreateCampaignRequest)
    assert (request.file.uri, request.file.cost_column, request.file.id_column) == (
        "s3://lab/pool.parquet",
        "price",
        "mp",
    )
    assert not seen.of(pb.AddCandidatesRequest)


def test_a_pool_without_any_candidate_makes_no_campaign(client: Client, seen: Any, tmp_path: Path) -> None:
    pd.DataFrame({"id": ["a"], "cif": ["x"]}).to_parquet(tmp_path / "pool.parquet")
    with pytest.raises(InvalidRequestError, match=r"no candidate that can be sent: .*no column 'structure'"):
        client.campaigns.create("films", str(tmp_path / "pool.parquet"), *GOAL)
    assert not seen.requests


def test_a_creation_that_lost_its_answers_is_made_once(client: Client, seen: Any) -> None:
    seen.drops_left = 3
    campaign, _ = made(client, request_id="mine")
    assert campaign.pool.n_candidates == 12
    again, _ = made(client, request_id="mine")
    assert again.pool.n_candidates == 12
    with pytest.raises(InvalidRequestError, match="exists") as caught:
        made(client)
    assert caught.value.reason == "CAMPAIGN_EXISTS"


def test_a_batch_is_the_same_for_the_same_request_and_ends_with_the_budget(client: Client) -> None:
    made(client, budget=7)
    first = client.campaigns.recommend("films", request_id="r1")
    assert [entry.id for entry in first] == ["c0", "c1", "c2", "c3", "c4"]
    assert client.campaigns.recommend("films", request_id="r1") == first
    prediction = first.recommendations[0].predictions[0]
    assert (prediction.property, prediction.unit, prediction.lower, prediction.upper) == ("gap_eV", "eV", 1.0, 2.0)
    cut = client.campaigns.recommend("films", worker="robot-2")
    assert ([entry.id for entry in cut], cut.notes) == (["c5", "c6"], ("cut by the budget",))
    with pytest.raises(InvalidRequestError, match="used up") as caught:
        client.campaigns.recommend("films")
    assert caught.value.reason == "BUDGET_EXHAUSTED"
    assert client.campaigns.release("films", ["t1", "no"]).ignored == ("no",)


def test_every_row_of_a_report_has_its_outcome(client: Client, seen: Any) -> None:
    made(client)
    batch = client.campaigns.recommend("films", 4)
    rows: list[dict[str, Any]] = [
        {"ticket": batch.recommendations[0].ticket, "gap_eV": 1.3, "std": 0.1},
        {"ticket": batch.recommendations[1].ticket, "status": "Failed"},
        {"id": "c9", "gap_eV": "1.9", "note": "not asked for"},
        {"id": "c8", "gap_eV": "inf"},
        {"id": "c7", "gap_eV": 900, "unit": "meV"},
        {"id": "c6", "gap_eV": "low"},
        {"id": "nobody", "gap_eV": 1.0},
        {"id": "new", "gap_eV": 2.0, "structure": campaign_server.rows(1)[0]["structure"]},
        {"id": "c5", "gap_eV": None},
        {"gap_eV": 1.0},
        {"id": "c4", "status": "lost"},
        {"id": "c3", "status": "measured", "gap_eV": float("nan")},
        {"id": "c3", "gap_eV": float("nan")},
    ]
    made_report = client.campaigns.report_results("films", rows)
    outcomes = {
        entry.index: (entry.outcome, entry.error.reason if entry.error else "") for entry in made_report.outcomes
    }
    assert outcomes == {
        0: ("RECORDED", ""),
        1: ("RECORDED", ""),
        2: ("RECORDED", ""),
        3: ("REFUSED", "NOT_FINITE"),
        4: ("REFUSED", "WRONG_UNIT"),
        5: ("REFUSED", "NOT_A_NUMBER"),
        6: ("REFUSED", "UNKNOWN_CANDIDATE"),
        7: ("RECORDED", ""),
        9: ("REFUSED", "NO_ID"),
        10: ("REFUSED", "INVALID_STATUS"),
        11: ("REFUSED", "NOT_FINITE"),
    }
    assert (made_report.n_empty, made_report.campaign.n_results) == (2, 4)
    sent = seen.of(pb.ReportResultsRequest)[0].results
    assert (sent[0].values[0].std, sent[0].values[0].unit) == (0.1, "eV")
    assert (sent[1].status, len(sent[1].values)) == (pb.RESULT_STATUS_FAILED, 0)


def test_tables_are_read_with_columns_of_another_name_and_in_parts(client: Client, seen: Any, tmp_path: Path) -> None:
    made(client, 1100)
    path = tmp_path / "results.csv"
    pd.DataFrame({"material_id": [f"c{n}" for n in range(1100)], "gap": 1.0}).to_csv(path, index=False)
    report = client.campaigns.report_results("films", path, columns={"gap_eV": "gap"}, request_id="once")
    assert [len(request.results) for request in seen.of(pb.ReportResultsRequest)] == [1000, 100]
    assert [request.request_id for request in seen.of(pb.ReportResultsRequest)] == ["once/0", "once/1"]
    assert len(report.outcomes) == 1100
    again = client.campaigns.report_results("films", path, columns={"gap_eV": "gap"})
    assert {entry.outcome for entry in again.outcomes} == {"REPEATED"}
    with pytest.raises(InvalidRequestError, match="no column 'gap_eV' and no column 'status'"):
        client.campaigns.report_results("films", path)
    with pytest.raises(InvalidRequestError, match="neither a column id nor a column ticket"):
        client.campaigns.report_results("films", [{"gap_eV": 1.0}])


def test_corrections_retract_or_replace(client: Client, seen: Any) -> None:
    made(client)
    rows = [{"id": "c1", "status": "retracted", "reason": "wrong sample"}, {"id": "c2", "gap_eV": 1.1}]
    client.campaigns.correct("films", rows)
    first, second = seen.of(pb.CorrectResultsRequest)[0].corrections
    assert (first.is_retraction, first.reason, first.HasField("result")) == (True, "wrong sample", False)
    assert (second.is_retraction, second.result.values[0].value) == (False, 1.1)


def test_a_watch_goes_on_over_a_lost_connection_and_a_record_is_joined(
    client: Client, seen: Any, tmp_path: Path
) -> None:
    made(client)
    client.campaigns.close("films")
    seen.drops_left = 1
    assert [news.event.sequence for news in client.campaigns.watch("films")] == [1, 2, 3]
    assert client.campaigns.record("films") == {"name": "films"}
    assert client.campaigns.save_export("films", tmp_path / "a.html").read_bytes() == campaign_server.PAGE
    assert json.loads(client.campaigns.save_export("films", tmp_path / "a.json").read_text()) == {"name": "films"}


def test_campaigns_are_listed_paused_changed_promoted_and_deleted(client: Client) -> None:
    made(client)
    client.campaigns.create("second", campaign_server.rows(2), "eps:max", "1")
    assert [campaign.name for campaign in client.campaigns.list()] == ["second", "films"]
    assert client.campaigns.pause("films").state == "PAUSED"
    with pytest.raises(InvalidRequestError, match="resume it"):
        client.campaigns.recommend("films")
    assert client.campaigns.resume("films").state == "ACTIVE"
    changed = client.campaigns.change_objectives("films", ["eps:max", "gap_eV:band:1:2"], ["1", "eV"], where="hull<0.1")
    assert list(map(str, changed.objectives)) == ["eps:max", "gap_eV:band:1:2"]
    assert changed.limits == ("hull<0.1",)
    assert client.campaigns.exclude("films", ["c1", "no"]).unknown_ids == ("no",)
    assert client.campaigns.promote("films", model_name="film-gap").model == "film-gap"
    client.campaigns.delete("films", confirm=True)
    with pytest.raises(NotFoundError, match="no campaign films"):
        client.campaigns.get("films")


def test_objectives_and_limits_are_read_as_the_command_writes_them() -> None:
    assert objectives_of("band_gap_hse_eV:match:1.4", "eV") == (Objective("band_gap_hse_eV", "eV", "match", 1.4, 1.4),)
    assert [objectives_of("eps:max", unit)[0].unit for unit in ("", "1", "Dimensionless", " eV ")] == [
        "1",
        "1",
        "1",
        "eV",
    ]
    assert str(Objective.parse("a:b:band:-1:2e3", "K")) == "a:b:band:-1:2000"
    assert Limit.parse(" energy_above_hull <= 0.1 ") == Limit("energy_above_hull", 0.1, True)
    assert Limit.parse("density>5").is_upper is False
    for text in (
        "gap",
        "gap:highest",
        "gap:match",
        "gap:match:x",
        "gap:band:2:1",
        ":max",
        "gap:match:nan",
        "gap:max:1",
    ):
        with pytest.raises(InvalidRequestError) as caught:
            Objective.parse(text, "eV")
        assert caught.value.reason == "INVALID_OBJECTIVE"
    for text in ("gap", "gap<", "gap<x", "gap=1", "gap<inf"):
        with pytest.raises(InvalidRequestError, match="is not a limit"):
            Limit.parse(text)
    with pytest.raises(InvalidRequestError, match="2 objectives and 1 units"):
        objectives_of(["a:max", "b:min"], ["eV"])
    with pytest.raises(InvalidRequestError, match="1 to 3 objectives"):
        objectives_of([], [])
    with pytest.raises(InvalidRequestError, match="same property"):
        objectives_of(["a:max", "a:min"], ["eV", "eV"])


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 0},
        {"budget": 2.5},
        {"budget": -1},
        {"seed": -1},
        {"start": "best"},
        {"acquisition": "x"},
        {"lease_seconds": 0},
    ],
)
def test_wrong_options_are_found_before_a_call(client: Client, seen: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        client.campaigns.create("films", campaign_server.rows(1), *GOAL, **options)
    assert (caught.value.reason, seen.requests) == ("INVALID_CAMPAIGN", [])


def test_both_clients_have_the_same_campaigns() -> None:
    for name in (name for name in dir(Campaigns) if not name.startswith("_")):
        assert getattr(AsyncCampaigns, name).__doc__ == getattr(Campaigns, name).__doc__
