"""``epitaxy screen --best`` against a real gateway, whose model and students are scripted."""

import asyncio
import json
import sys

import numpy as np
import pandas as pd
import pytest
from pool_backend import BEST, REFUSED, TRUTH, N, PoolBackend, eligible

from epitaxy.cli import app as cli


@pytest.fixture
def backend() -> PoolBackend:
    return PoolBackend()


@pytest.fixture
def command(edge, tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder that holds the pool; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    with (tmp_path / "pool.jsonl").open("w") as file:
        for number in range(N):
            lattice = [[1, 0, 0], [0, 1, 0], [0, 0, max(number, 1e-3)]]
            cell = {"lattice": lattice, "species": ["Na", "Cl"], "frac": [[0, 0, 0], [0.5, 0.5, 0.5]]}
            file.write(json.dumps({"id": f"c{number}", "structure": cell}) + "\n")
        file.write(
            json.dumps({"id": "nothing", "structure": {"lattice": [[1, 0, 0]], "species": [], "frac": []}}) + "\n"
        )

    def run(*arguments):
        words = ["epitaxy", "screen", "pool.jsonl", *map(str, arguments), "--target", edge.gateway.address]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            cli.run()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return lambda *arguments: asyncio.to_thread(run, *arguments)


async def test_the_best_are_written_in_order_with_the_refused_after_them(command, backend, tmp_path):
    worst = f"c{int(np.argmin(TRUTH))}"
    options = ("--best", BEST, "--by", "band:max", "--why", worst, "--why", "nobody")
    code, out, err = await command(*options, "--out", "best.csv", "--refused", "refused.csv")
    table = pd.read_csv(tmp_path / "best.csv")
    n_refused = 1 + (REFUSED in backend.evaluated)
    assert list(table["id"][:BEST]) == [f"c{number}" for number in eligible()[:BEST]]
    assert "nothing" in set(table["id"][BEST:])
    assert len(table) == BEST + n_refused
    assert "nothing" in set(pd.read_csv(tmp_path / "refused.csv")["id"])
    assert code == 3  # as in a screening of everything
    assert f"band_gap, highest 20 of {BEST}" in out
    assert f"{worst}: dropped: never evaluated" in out
    assert "nobody: unknown: no candidate has the id" in out
    assert f"evaluated {len(backend.evaluated)} of {N}" in err
    assert "recall    " in err
    assert "0.99 was asked for" in err
    assert f"refused   {n_refused}" in err


async def test_the_summary_as_json_says_what_was_reached_and_needs_no_table(command, backend):
    _, out, _ = await command("--best", 10, "--by", "band_gap:max:lower", "--where", "band_gap<1", "--json")
    summary = json.loads(out)
    expected = eligible(lambda number: TRUTH[number] < 1)[:10]
    assert [row["id"] for row in summary["best"]] == [f"c{number}" for number in expected]
    assert [row["rank"] for row in summary["best"]] == list(range(1, 11))
    assert summary["recall_interval"][0] <= summary["recall_estimate"] <= summary["recall_interval"][1]
    assert summary["share_evaluated"] == summary["n_evaluated"] / N == len(backend.evaluated) / N


async def test_a_condition_that_nothing_meets_is_an_empty_result_with_words(command):
    code, out, err = await command("--best", 5, "--by", "band_gap:max", "--where", "band_gap>99", "--out", "none.csv")
    assert code == 3
    assert "found     0 of the wanted 5" in err
    assert "0 of the wanted 5 were found" in err
    assert "highest 0" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--best", 5), "--best needs --by"),
        (("--by", "band_gap:max", "--out", "r.csv"), "--by goes with --best"),
        (("--json", "--out", "r.csv"), "--json goes with --best"),
        (("--best", 5, "--by", "band_gap:max", "--top", 3), "--top ranks a screening of everything"),
        (("--best", 5, "--by", "band_gap:max", "--sort", "band_gap"), "--sort ranks a screening of everything"),
        (("--best", 5, "--by", "band_gap:max", "--ascending"), "--ascending ranks a screening of everything"),
        (("--best", 5, "--by", "band_gap:max", "--resume"), "--resume belongs to a screening of everything"),
        (("--best", 5, "--by", "band_gap:largest"), "by 'band_gap:largest' cannot be read"),
        (("--best", 5, "--by", "band_gap:match:nan"), "cannot be read"),
        (("--best", 5, "--by", "band_gap:max", "--where", "band_gap!1"), "where 'band_gap!1' cannot be read"),
        (("--best", 5, "--by", "hull:min"), "model crystals has no property hull; it has band_gap"),
        (("--best", 5, "--by", "bulk:min"), "bulk may be bulk_modulus or bulk_density"),
        (("--best", 5, "--by", "band_gap:max", "--out", "folder"), "must end in"),
        (("--best", N + 1, "--by", "band_gap:max"), f"the pool has {N} candidates"),
    ],
)
async def test_a_mistake_is_exit_code_2_before_anything_is_evaluated(command, backend, arguments, message):
    code, _, err = await command(*arguments)
    assert (code, backend.evaluated) == (2, [])
    assert message in err
