"""The example of a closed loop runs as a reader would run it, to the end of its budget."""

import importlib.util
from pathlib import Path

import campaign_server
import pytest

EXAMPLE = Path(__file__).parents[4] / "examples" / "closed_loop.py"


def test_the_example_runs_to_the_end_of_its_budget(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec = importlib.util.spec_from_file_location("closed_loop", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "closed_loop", module)
    spec.loader.exec_module(module)
    with campaign_server.serving_in_thread(campaign_server.Seen()) as target:
        options = ["--target", target, "--budget", "12", "--html", str(tmp_path / "loop.html")]
        monkeypatch.setattr("sys.argv", ["closed_loop.py", *options])
        module.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "0 candidates, budget 12: who has a gap near 1.4 eV?"
    assert [line.split()[1] for line in lines[1:4]] == ["0", "0", "0"]
    assert lines[4] == "the loop ends: BUDGET_EXHAUSTED"
    assert (tmp_path / "loop.html").read_bytes() == campaign_server.PAGE
