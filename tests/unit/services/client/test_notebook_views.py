"""What runs, jobs, results and cards show in a notebook, and its progress bar."""

import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import finetune_server
import numpy as np
import pytest

from epitaxy.client import Client, FineTuneResult, JobStatus, ModelCard, ScreenResult
from epitaxy.client.finetune.results import JobEvent, JobFailure, JobProgress, SuspiciousLabel
from epitaxy.client.models.cards import PropertyCard, TrainingData
from epitaxy.client.notebook import bar, notebook_progress
from epitaxy.client.notebook.markup import bar as bar_html
from epitaxy.client.results import CalibrationStamp, ItemError, Note, PropertyPrediction, Review
from epitaxy.client.screening.render import run_html
from epitaxy.client.screening.summary import RunSummary

EVIL = "<script>alert('x')</script>&\""
PAIRED = {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "progress"}


class Page(HTMLParser):
    """Text and tags of a piece of HTML. Fails for a tag that no view needs, and for one that is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self.cells: list[str] = []
        self.text = ""
        self.fractions: list[float] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in PAIRED
        assert not [name for name, _ in attrs if name not in {"style", "max", "value"}]
        self._open.append(tag)
        if tag in {"td", "th"}:
            self.cells.append("")
        if tag == "progress":
            self.fractions.append(float(dict(attrs)["value"] or "nan"))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open and self._open[-1] in {"td", "th"}:
            self.cells[-1] += data

    def after(self, name: str) -> str:
        """The cell after the one with this text."""
        return self.cells[self.cells.index(name) + 1]


def page(shown: Any) -> Page:
    return Page(shown._repr_html_())


def prediction(name: str = "band_gap", unit: str = "eV") -> PropertyPrediction:
    stamp = CalibrationStamp("conformal", 100, 0.9, 0.9, 100)
    return PropertyPrediction(name, 1.23456, unit, 0.1, 0.1, 0.9, 1.6, 0.9, "PBE", EVIL, stamp)


def status(state: str = "TRAINING", **changes: Any) -> JobStatus:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    known: dict[str, Any] = {
        "id": "j1", "model": "my-tc", "property_name": "tc", "unit": "K", "column": "tc_k", "state": state,
        "progress": JobProgress(0.4, EVIL, {}, 12.0), "create_time": now, "start_time": now, "end_time": None,
        "n_rows": 30, "n_labels": 25, "attempts": 1, "failure": None, "result": None,
    }  # fmt: skip
    return JobStatus(**(known | changes))


def result(**changes: Any) -> FineTuneResult:
    errors = {"embedding_ridge": 1.5, EVIL: 2.5}
    known: dict[str, Any] = {"sentence": EVIL} | changes
    return FineTuneResult("my-tc", "2", "sha256:1", "HELPS", "embedding_ridge", errors, True, "local/my-tc", **known)


def crystals(number: int, prefix: str = "c") -> list[tuple[str, Any]]:
    return [
        (f"{prefix}{index}", (np.eye(3) * (3 + index / 1000), [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]]))
        for index in range(number)
    ]


def test_a_result_shows_its_values_and_escapes_what_others_wrote() -> None:
    shown = page(
        ScreenResult(
            EVIL, 0, EVIL, 8, (prediction(), prediction(EVIL, EVIL)), 0.2, "IN_DOMAIN", EVIL, model=EVIL,
            model_version="1", review=Review("REVIEW", (EVIL,)), notes=(Note("A", EVIL),),
        )
    )  # fmt: skip
    assert shown.text.startswith(f"{EVIL} {EVIL}, 8 sites")
    assert shown.after("band_gap") == "1.235"
    assert shown.after("1.235") == "0.9 to 1.6"
    assert shown.after("domain") == f"IN_DOMAIN: {EVIL}"
    assert shown.after("review") == f"REVIEW: {EVIL}"
    assert shown.after("changed or left out") == EVIL


def test_a_refused_result_shows_why() -> None:
    shown = page(ScreenResult("c1", 0, error=ItemError("PARTIAL_OCCUPANCY", EVIL)))
    assert shown.text == f"c1 refused: PARTIAL_OCCUPANCY{EVIL}"


def test_results_without_a_domain_leave_it_out() -> None:
    assert "domain" not in page(ScreenResult("c1", 0, "NaCl", 2, (prediction(),))).cells


def test_a_run_shows_its_state_counts_and_first_rows(connect: Any, target: str) -> None:
    with connect(target) as client:
        run = client.screen([*crystals(20), *crystals(3, "bad"), *crystals(1, "<i>")], ["band_gap"], chunk_size=4)
        assert "not started" in page(run).text
        next(run)
        assert "running: 4 structures" in page(run).text
        rest = list(run)
        shown = page(run)
    assert len(rest) == 23
    assert "ended: 24 structures" in shown.text
    assert (shown.after("answered"), shown.after("refused"), shown.after("failed")) == ("21", "3", "0")
    assert "The first 5 that were read" in shown.text


def test_the_first_rows_are_those_that_were_read_first(connect: Any, target: str) -> None:
    with connect(target) as client:
        run = client.screen([*crystals(8), *crystals(2, "bad")], ["band_gap"])
        read = list(run)
        cells = page(run).cells
    assert [cell for cell in cells if cell in {one.id for one in read}] == [one.id for one in read[:5]]


def test_a_run_that_is_closed_early_says_so_and_its_rate_stands_still(target: str) -> None:
    with Client(target) as client:
        with client.screen(crystals(40), chunk_size=4) as run:
            next(run)
        assert "stopped: 4 structures" in page(run).text
        assert run.summary.elapsed_seconds == run.summary.elapsed_seconds


def test_a_run_escapes_ids_and_messages() -> None:
    first = [ScreenResult(EVIL, 0, EVIL, error=ItemError("R", EVIL)), ScreenResult("a", 1, EVIL, 1, (prediction(),))]
    summary = RunSummary(answered=1, refused=1, errors_by_reason={EVIL: 1}, elapsed_seconds=1.0, total=2)
    shown = Page(run_html(summary, first, "ended"))
    assert shown.cells.count(EVIL) == 4
    assert f"R: {EVIL}" in shown.cells


@pytest.mark.parametrize("state", ["PENDING", "AUDITING", "TRAINING", "EVALUATING"])
def test_a_job_that_runs_shows_its_progress(state: str) -> None:
    shown = page(status(state))
    assert shown.text.startswith(f"Fine-tune job of my-tc {state}, j1")
    assert shown.fractions == [0.4]
    assert EVIL in shown.text
    assert shown.after("labels") == "25 in 30 rows"


def test_a_failed_job_shows_its_reason_and_some_labels_to_look_at() -> None:
    labels = tuple(SuspiciousLabel(row, EVIL, 9e9, "WILD", EVIL) for row in range(7))
    shown = page(status("FAILED", failure=JobFailure("SUSPICIOUS_LABELS", EVIL, labels)))
    assert f"SUSPICIOUS_LABELS: {EVIL}" in shown.text
    assert shown.cells.count("WILD") == 5
    assert "and 2 more labels" in shown.text
    assert shown.fractions == []


def test_a_job_that_made_a_model_shows_the_result_with_the_unit() -> None:
    shown = page(status("SUCCEEDED", result=result()))
    assert "cross-validated MAE, K" in shown.cells
    assert (shown.after("embedding_ridge"), shown.after(EVIL)) == ("1.5", "2.5")


def test_a_result_of_a_job_warns_of_what_is_wrong_with_it() -> None:
    assert "constant" not in page(result()).cells
    assert page(result(is_constant=True)).after("constant") == "knows no more than a constant"
    assert page(result()).after("intervals") == "calibrated"


def test_jobs_of_a_server_show_themselves(connect: Any, tmp_path: Path) -> None:
    rows = list(finetune_server.crystals(30))
    with finetune_server.serving_finetune(tmp_path) as (address, _), connect(address, "viewer") as client:
        job = client.finetune(rows, column="tc_k", unit="K", name="my-tc")
        made = job.wait(200)
        assert page(made).text.startswith("my-tc:1 ")
        assert "SUCCEEDED" in page(job).text
        assert [page(one).after("labels") for one in client.finetune_jobs()] == ["30 in 30 rows"]


def test_cards_show_properties_and_origin() -> None:
    stamp = CalibrationStamp("conformal", 100, 0.9, 0.9, 100)
    part = PropertyCard("band_gap", "eV", "PBE", EVIL, "", None, None, stamp, {"test_mae_ev": 0.21234})
    data = TrainingData(EVIL, "", "CC0", 100, 10, 10, 10, "random")
    shown = page(ModelCard(EVIL, "1", "sha256:1", EVIL, ("champion",), (part,), data, 5, 10, (1, 2), "1", "CC0", "{}"))
    assert shown.text.startswith(f"{EVIL}:1 (champion){EVIL}")
    assert shown.after(EVIL) == "test_mae_ev 0.2123"
    assert shown.after("trained on") == f"{EVIL}: 100 structures"
    assert shown.after("elements") == "2"


def test_cards_and_results_of_a_server_show_themselves(connect: Any, target: str) -> None:
    with connect(target) as client:
        assert "champion" in page(client.get_model("film@champion")).text
        [answered, refused] = client.predict([*crystals(1), *crystals(1, "bad")])
    assert "band_gap" in page(answered).cells
    assert "refused" in page(refused).text


@pytest.mark.parametrize(("fraction", "shown"), [(0.25, [0.25]), (None, []), (1.7, [1.0]), (-1.0, [0.0])])
def test_a_bar_shows_a_fraction_between_nothing_and_all(fraction: float | None, shown: list[float]) -> None:
    found = Page(bar_html(fraction, EVIL))
    assert found.fractions == shown
    assert EVIL in found.text


def test_progress_is_told_in_words() -> None:
    summary = RunSummary(answered=50, refused=3, failed=1, elapsed_seconds=2.0, total=108)
    assert summary.in_words() == "54 of 108 structures, 27 per second, 3 refused, 1 failed"
    assert (summary.fraction, RunSummary().fraction) == (0.5, None)
    event = JobEvent(1, None, "TRAINING", JobProgress(0.4, "fold 2 of 5", {}, 12.4))
    assert event.in_words() == "TRAINING 40%, fold 2 of 5, 12 s left"


def test_outside_of_a_notebook_progress_is_one_line_of_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    tell = notebook_progress()
    tell(RunSummary(answered=1, elapsed_seconds=1.0, total=2))
    tell(RunSummary(answered=2, elapsed_seconds=1.0, total=2))
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "\r1 of 2 structures, 1 per second\r2 of 2 structures, 2 per second\n"


def test_in_a_notebook_one_bar_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher(parent=shell)
    try:
        shell.display_pub = publisher
        monkeypatch.setattr(shell, "kernel", object(), raising=False)
        assert bar._is_in_notebook()
        tell = notebook_progress()
        for done in (1, 2):
            tell(RunSummary(answered=done, elapsed_seconds=1.0, total=2))
    finally:
        InteractiveShell.clear_instance()
    assert [output["update"] for output in publisher.outputs] == [False, True]
    assert len({output["transient"]["display_id"] for output in publisher.outputs}) == 1
    assert [Page(output["data"]["text/html"]).fractions for output in publisher.outputs] == [[0.5], [1.0]]


def test_the_client_loads_no_part_of_ipython() -> None:
    code = "import sys, epitaxy.client as c; c.notebook_progress(); print('IPython' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
