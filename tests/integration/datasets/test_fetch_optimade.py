"""Downloads from the OPTIMADE reference server with its own test data."""

import csv
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from epitaxy_models.data.crystal_table import open_table, provenance_of
from epitaxy_models.data.provenance import Provenance

Run = Callable[..., Any]
FAST = ("--max-per-second", "1000")
N_STRUCTURES = 17


def read_back(path: Path) -> tuple[dict[str, dict[str, Any]], Provenance]:
    rows = {row["id"]: row for row in pq.read_table(path).to_pylist()}
    provenance = provenance_of(open_table(path))
    assert provenance is not None
    return rows, provenance


def test_everything_is_fetched_page_by_page_with_units_and_provenance(run: Run, server: Any, tmp_path: Path) -> None:
    done = run("fetch", server.url, "--out", "a.parquet", "--page-limit", 4, "--field", "_exmpl_band_gap", *FAST)
    assert done.returncode == 3, done.stderr
    rows, provenance = read_back(tmp_path / "a.parquet")
    assert len(server.requests()) == 5
    # mpf_1's cell is 0.3 Angstrom high, and three sites of mpf_110 share one position.
    assert provenance.n_read == N_STRUCTURES
    assert provenance.refused == {"DEGENERATE_CELL": 1, "PARTIAL_OCCUPANCY": 1}
    assert "mpf_1" not in rows
    assert len(rows) == provenance.n_kept == N_STRUCTURES - 2
    assert rows["mpf_200"]["formula"] == "Ag"
    assert provenance.n_null == {"exmpl_band_gap_eV": 1}
    assert provenance.origin.source == "optimade"
    assert provenance.origin.url == server.url
    assert "_exmpl_band_gap" in provenance.origin.query
    assert provenance.origin.n_announced == N_STRUCTURES
    with (tmp_path / "a.parquet.refused.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["mpf_1", "mpf_110"]
    assert not (tmp_path / "a.parquet.pages.jsonl").exists()


def test_a_filter_and_a_limit_narrow_the_download(run: Run, server: Any, tmp_path: Path) -> None:
    query = 'elements HAS "Ag" AND nelements >= 2'
    done = run("fetch", server.url, "--out", "a.parquet", "--filter", query, "--page-limit", 2, *FAST)
    assert done.returncode == 0, done.stderr
    rows, provenance = read_back(tmp_path / "a.parquet")
    assert rows
    assert all("Ag" in row["formula"] for row in rows.values())
    assert query in provenance.origin.query
    limited = run(
        "fetch", server.url, "--out", "b.parquet", "--filter", query, "--page-limit", 2, "--max-entries", 3, *FAST
    )
    assert limited.returncode == 0, limited.stderr
    assert read_back(tmp_path / "b.parquet")[1].n_read == 3
    assert f"the source announced {provenance.n_read} rows" in limited.stderr


def test_a_killed_fetch_resumes_where_it_was(run: Run, start: Run, server: Any, tmp_path: Path) -> None:
    options = ("--page-limit", 2, "--field", "_exmpl_band_gap", *FAST)
    run("fetch", server.url, "--out", "whole.parquet", *options)
    n_whole = len(server.requests())
    server.misbehave("slow 0.4")
    journal = tmp_path / "killed.parquet.pages.jsonl"
    with start("fetch", server.url, "--out", "killed.parquet", *options) as process:
        _wait_for(lambda: journal.exists() and len(journal.read_bytes().splitlines()) >= 4)
        process.kill()
        process.communicate()
    assert not (tmp_path / "killed.parquet").exists()
    with journal.open("ab") as file:
        file.write(b'{"next": "torn in the mid')
    server.misbehave()
    n_before = len(server.requests())
    done = run("fetch", server.url, "--out", "killed.parquet", *options)
    assert done.returncode == 3, done.stderr
    n_resumed = len(server.requests()) - n_before
    assert n_resumed <= n_whole - 3
    assert read_back(tmp_path / "killed.parquet")[0] == read_back(tmp_path / "whole.parquet")[0]
    assert read_back(tmp_path / "killed.parquet")[1].n_read == N_STRUCTURES


def test_retry_after_is_honoured_and_nothing_is_lost(run: Run, server: Any, tmp_path: Path) -> None:
    server.misbehave("busy 2", "broken 1")
    done = run("fetch", server.url, "--out", "a.parquet", "--page-limit", 10, *FAST)
    assert done.returncode == 3, done.stderr
    times = [when for when, _ in server.requests()]
    assert len(times) == 5  # two pages, the first asked for four times
    assert times[1] - times[0] >= 0.99
    assert times[2] - times[1] >= 0.99
    assert times[3] - times[2] >= 0.99
    assert read_back(tmp_path / "a.parquet")[1].n_read == N_STRUCTURES


def test_the_rate_stays_below_the_one_given(run: Run, server: Any) -> None:
    run("fetch", server.url, "--out", "a.parquet", "--page-limit", 4, "--max-per-second", 4)
    times = [when for when, _ in server.requests()]
    assert len(times) == 5
    assert min(after - before for before, after in pairwise(times)) >= 0.22


def test_a_bad_filter_and_a_wrong_address_leave_nothing_behind(run: Run, server: Any, tmp_path: Path) -> None:
    done = run("fetch", "http://127.0.0.1:9", "--out", "a.parquet", "--filter", "nsites=")
    assert done.returncode == 2
    assert "is not an OPTIMADE filter" in done.stderr
    missing = run("fetch", server.url + "/nowhere", "--out", "a.parquet", *FAST)
    assert missing.returncode == 1
    assert "404" in missing.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--field", "_exmpl_mass"), "has no field _exmpl_mass; its own fields are _exmpl_band_gap"),
        (("--field", "nsites"), "--unit nsites=SUFFIX"),
        (("--field", "nsites", "--unit", "nsites=parsec"), "'parsec' for column 'nsites' is not a known unit suffix"),
        (("--unit", "nsites"), "must have the form COLUMN=VALUE"),
    ],
)
def test_mistakes_are_named_before_anything_is_downloaded(
    run: Run, server: Any, arguments: tuple[str, ...], message: str
) -> None:
    done = run("fetch", server.url, "--out", "a.parquet", *arguments, *FAST)
    assert done.returncode == 2
    assert message in done.stderr
    assert server.requests() == []


def test_another_query_does_not_continue_a_journal(run: Run, server: Any, tmp_path: Path) -> None:
    header = {"page_journal": 1, "base_url": "http://elsewhere", "filter": "", "fields": [], "page_limit": 4}
    (tmp_path / "a.parquet.pages.jsonl").write_text(json.dumps(header) + "\n")
    refused = run("fetch", server.url, "--out", "a.parquet", *FAST)
    assert refused.returncode == 2
    assert "belongs to a download with different base_url, fields, page_limit" in refused.stderr
    restarted = run("fetch", server.url, "--out", "a.parquet", "--restart", *FAST)
    assert restarted.returncode == 3, restarted.stderr


def test_what_is_no_optimade_server_is_named(run: Run, tmp_path: Path) -> None:
    done = run("fetch", "oqmb", "--out", "a.parquet")
    assert done.returncode == 2
    assert "neither one of oqmd, jarvis, alexandria, mp nor an http(s) base URL" in done.stderr
    keyless = run("fetch", "materials-project", "--out", "a.parquet")
    assert keyless.returncode == 2
    assert "the Materials Project needs" in keyless.stderr
    assert not list(tmp_path.iterdir())


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
