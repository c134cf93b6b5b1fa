"""``epitaxy campaign``: options, JSON fields and exit codes, over a small server."""

import csv
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import campaign_server
import pandas as pd
import pytest

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.cli.campaign.recommend import well_of
from epitaxy_models.data.crystals.builder import bundled_crystals
from epitaxy_models.structures import structure_to_column

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def seen() -> Any:
    return campaign_server.Seen()


@pytest.fixture
def campaign(run: Any, seen: Any) -> Iterator[Callable[..., Done]]:
    """Runs ``epitaxy campaign`` against the small server."""
    with campaign_server.serving_in_thread(seen) as target:
        yield lambda *arguments: run("campaign", *arguments, EPITAXY_TARGET=target)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    rows = [row | {"structure": json.dumps(row["structure"])} for row in campaign_server.rows(12)]
    pd.DataFrame(rows).to_parquet(tmp_path / "pool.parquet")
    return tmp_path / "pool.parquet"


GOAL = ("--objective", "gap_eV:max", "--unit", "eV")


def last(done: Done) -> dict[str, Any]:
    """The last line of stdout."""
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_campaign_goes_from_a_pool_to_a_plate_and_back(
    campaign: Callable[..., Done], seen: Any, pool: Path, tmp_path: Path
) -> None:
    pd.DataFrame({"id": ["c0"], "measured": [2.0]}).to_csv(tmp_path / "labels.csv", index=False)
    options = ("--labels", "labels.csv", "--column", "measured", "--where", "hull<0.1", "--budget", 8, "--batch", 4)
    done = campaign("create", "--name", "films", "--pool", pool, *GOAL, *options, "--json")
    assert done.returncode == 0, done.stderr
    assert (last(done)["state"], last(done)["pool"]["n_candidates"], last(done)["labels"]) == ("ACTIVE", 12, 1)
    assert "sent      12 candidates" in done.stderr
    (label,) = seen.of(pb.ReportResultsRequest)[0].results
    assert (label.id, label.values[0].property, label.values[0].value) == ("c0", "gap_eV", 2.0)

    batch = last(campaign("recommend", "films", "--request-id", "r1", "--json"))["batch"]
    assert last(campaign("recommend", "films", "--request-id", "r1", "--json"))["batch"] == batch
    assert {"ticket", "id", "values", "lower", "upper", "score", "reason"} <= batch[0].keys()
    assert (batch[0]["values"], batch[0]["upper"]) == ({"gap_eV": 1.5}, {"gap_eV": 2.0})

    # A plate is filled in by a person or a robot and comes back; what is not filled in is not measured yet.
    done = campaign("recommend", "films", "--request-id", "r1", "--out", "plate.csv")
    assert "fill it in" in done.stderr
    rows = list(csv.DictReader((tmp_path / "plate.csv").read_text().splitlines()))
    assert [row["well"] for row in rows] == ["A1", "A2", "A3", "A4"]
    assert (rows[0]["gap_eV"], rows[0]["gap_eV_predicted"], rows[0]["status"]) == ("", "1.5", "")
    rows[0]["gap_eV"], rows[0]["gap_eV_std"], rows[1]["status"] = "1.7", "0.1", "failed"
    pd.DataFrame(rows).to_csv(tmp_path / "plate.csv", index=False)
    done = campaign("report", "films", "--data", "plate.csv", "--json")
    assert done.returncode == 0, done.stderr
    assert {name: last(done)[name] for name in ("recorded", "empty", "refused")} == {
        "recorded": 2,
        "empty": 2,
        "refused": [],
    }
    assert seen.of(pb.ReportResultsRequest)[-1].results[0].values[0].std == 0.1

    status = last(campaign("status", "films", "--json"))
    wanted = {"best", "labels", "expected_gain", "chance_better_left", "advice", "coverage"}
    assert wanted <= status.keys()
    assert status["best"][0]["values"] == {"gap_eV": 2.0}
    assert "advice    none yet" in campaign("status", "films").stdout


def test_a_budget_that_is_used_up_fails_with_its_reason(campaign: Callable[..., Done], pool: Path) -> None:
    campaign("create", "--name", "films", "--pool", pool, *GOAL, "--budget", 3)
    cut = campaign("recommend", "films", "--csv")
    assert (cut.returncode, cut.stdout.count("\n")) == (0, 4)
    assert "note      cut by the budget" in cut.stderr
    refused = campaign("recommend", "films", "--json")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "BUDGET_EXHAUSTED: the budget of the campaign is used up" in refused.stderr
    released = campaign("release", "films", "--json")
    assert last(released)["released"] == ["t1", "t2", "t3"]


def test_refused_results_are_named_and_others_are_kept(
    campaign: Callable[..., Done], pool: Path, tmp_path: Path
) -> None:
    campaign("create", "--name", "films", "--pool", pool, *GOAL)
    rows = "id,gap_eV,unit\nc1,1.0,\nc2,900,meV\nc3,inf,\nzz,1.0,\nc4,abc,\nc5,nan,\nc6,,\n"
    (tmp_path / "results.csv").write_text(rows)
    done = campaign("report", "films", "--data", "results.csv", "--json")
    assert done.returncode == 3
    reasons = {entry["id"]: entry["reason"] for entry in last(done)["refused"]}
    assert reasons == {
        "c2": "WRONG_UNIT",
        "c3": "NOT_FINITE",
        "zz": "UNKNOWN_CANDIDATE",
        "c4": "NOT_A_NUMBER",
        "c5": "NOT_FINITE",
    }
    assert (last(done)["recorded"], last(done)["empty"]) == (1, 1)
    assert "refused   zz: UNKNOWN_CANDIDATE" in campaign("report", "films", "--data", "results.csv").stdout


def test_what_stops_changes_and_ends_a_campaign(campaign: Callable[..., Done], pool: Path, tmp_path: Path) -> None:
    campaign("create", "--name", "films", "--pool", pool, *GOAL)
    assert last(campaign("pause", "films", "--json"))["state"] == "PAUSED"
    assert campaign("recommend", "films").returncode == 1
    assert last(campaign("resume", "films", "--json"))["state"] == "ACTIVE"
    (tmp_path / "out.csv").write_text("id\nc1\nnobody\n")
    done = campaign("exclude", "films", "--data", "out.csv", "--json")
    assert (done.returncode, last(done)["unknown_ids"]) == (3, ["nobody"])
    changed = last(campaign("objective", "films", "--objective", "eps:min", "--unit", "1", "--json"))
    assert changed["objectives"] == [{"objective": "eps:min", "property": "eps", "unit": "1"}]
    assert campaign("export", "films", "--html", "a.html", "--out", "a.json").returncode == 0
    assert (tmp_path / "a.html").read_bytes() == campaign_server.PAGE
    assert last(campaign("promote", "films", "--model", "gap", "--json")) == {"job_id": "job-1", "model": "gap"}
    assert [row["name"] for row in last(campaign("list", "--json"))["campaigns"]] == ["films"]
    assert campaign("close", "films").returncode == 0
    watched = campaign("watch", "films", "--json")
    assert [json.loads(line)["sequence"] for line in watched.stdout.splitlines()] == [1, 2, 3]
    assert "pass --yes" in campaign("delete", "films").stderr
    assert last(campaign("delete", "films", "--yes", "--json")) == {"deleted": "films"}
    gone = campaign("status", "films")
    assert (gone.returncode, "no campaign films" in gone.stderr) == (1, True)


def test_mistakes_of_the_command_line_are_found_without_a_server(run: Any, pool: Path) -> None:
    made = ("campaign", "create", "--name", "films", "--pool", pool)
    for arguments, words in {
        (*made, "--objective", "gap:best", "--unit", "eV"): "write PROPERTY:max, PROPERTY:min",
        (*made, "--objective", "gap:max"): "Missing option '--unit'",
        (*made, *GOAL, "--unit", "K"): "1 objectives and 2 units",
        (*made, *GOAL, "--where", "hull"): "write PROPERTY<VALUE",
        (*made, *GOAL, "--pool", "s3://a/b"): "give it alone",
        ("campaign", "create", "--name", "n", "--pool", "nowhere", *GOAL): "no such file or folder: nowhere",
        ("campaign", "export", "films"): "give --html FILE",
        ("campaign", "recommend", "films", "--csv", "--json"): "give only one of them",
    }.items():
        done = run(*arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_a_finished_data_set_is_played_again(run: Any, tmp_path: Path) -> None:
    crystals = bundled_crystals()[:120]
    volumes = [crystal.structure.volume / crystal.structure.n_sites for crystal in crystals]
    rows = {
        "id": [crystal.identifier for crystal in crystals],
        "structure": [structure_to_column(crystal.structure) for crystal in crystals],
        "volume_A3": volumes,
    }
    pd.DataFrame(rows).to_parquet(tmp_path / "finished.parquet")
    goal = ("--objective", "volume_A3:max", "--unit", "A^3", "--budget", 25, "--seeds", 2)
    done = run("campaign", "simulate", "--data", "finished.parquet", *goal, "--strategies", "default,random", "--json")
    assert done.returncode == 0, done.stderr
    found = last(done)["strategies"]
    assert list(found) == ["default", "random"]
    assert {"recall_at_50", "recall_at_100", "enhancement_at_50", "labels_to_first"} <= found["default"].keys()
    assert (last(done)["n_candidates"], last(done)["n_best"]) == (120, 2)
    # Volume is plain to the features: the best are found where chance alone finds a fifth of them.
    assert found["default"]["recall_at_50"] == 1.0
    headless = run("campaign", "simulate", "--data", "finished.parquet", *goal, "--strategies", "head")
    assert (headless.returncode, "NO_HEAD: the substrate does not predict volume_A3" in headless.stderr) == (2, True)
    wrong = run("campaign", "simulate", "--data", "finished.parquet", *goal, "--strategies", "best", "--json")
    assert (wrong.returncode, "no strategy 'best'" in wrong.stderr) == (2, True)


def test_wells_are_named_as_on_a_plate_of_96() -> None:
    assert [well_of(place) for place in (0, 11, 12, 95, 96)] == ["A1", "A12", "B1", "H12", "2-A1"]
