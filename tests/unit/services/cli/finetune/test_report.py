import json
from pathlib import Path
from typing import Any

from label_commands import create


def test_reports_are_printed_written_and_opened(finetune: Any, labels: Path, tmp_path: Path) -> None:
    made = json.loads(finetune(*create(labels, "--wait", "--json")).stdout.splitlines()[-1])
    printed = finetune("report", made["job_id"])
    assert printed.returncode == 0, printed.stderr
    for text in (
        "Transfer helps by half.",
        "29 usable crystals in 30 rows",
        "refused r7: overlapping [atoms]",
        "1 twin",
        "forecast for transfer: NEUTRAL",
        "All elements are known.",
        "worst cases",
    ):
        assert text in printed.stdout
    assert json.loads(finetune("report", "my-tc", "--json").stdout)["verdict"]["chosen"] == "median"
    assert finetune("report", "my-tc", "--out", "r.html").returncode == 0
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    opened = finetune("report", "my-tc", "--open", "--out", "o.html", BROWSER=f"{browser} %s")
    assert opened.returncode == 0, opened.stderr
    assert (tmp_path / "opened").read_text().strip() == (tmp_path / "o.html").as_uri()
    assert finetune("report", "my-tc", "--out", "none/r.html").returncode == 2
    assert "there is no such job: 'other'" in finetune("report", "other").stderr


def test_a_retraining_that_runs_or_failed_does_not_hide_the_last_report(
    finetune: Any, labels: Path, rig: Any, settings: dict[str, str]
) -> None:
    rig.gates.released.set()
    made = json.loads(finetune(*create(labels, "--wait", "--json", name="held-tc")).stdout.splitlines()[-1])
    assert (made["model"], made["served_as"]) == ("held-tc", f"{settings['EPITAXY_API_KEY']}/held-tc")
    rig.gates.released.clear()
    later = finetune(*create(labels, "--seed", "1", name="held-tc")).stdout.split()[1]
    shown = finetune("report", "held-tc")
    assert "Transfer helps by half." in shown.stdout
    assert f"report    of held-tc:1; the later job {later} is " in shown.stderr
    assert finetune("cancel", later).returncode == 0
    assert f"the later job {later} ended without a model" in finetune("report", "held-tc").stderr


def test_every_name_that_is_printed_is_a_name_of_a_report(
    finetune: Any, labels: Path, settings: dict[str, str]
) -> None:
    ended = finetune(*create(labels, "--wait"))
    assert "report    epitaxy finetune report my-tc:1 --open" in ended.stderr
    tenant = settings["EPITAXY_API_KEY"]
    shown = {finetune("report", name).stdout for name in ("my-tc", "my-tc:1", f"{tenant}/my-tc", f"{tenant}/my-tc:1")}
    assert len(shown) == 1
    assert "Transfer helps by half." in shown.pop()
    for name, complaint in (
        ("my-tc:2", "there is no such job: 'my-tc:2'"),
        ("other/my-tc", "no model named 'other/my-tc'"),
        ("my-tc@champion", "write NAME or NAME:VERSION"),
    ):
        refused = finetune("report", name)
        assert refused.returncode != 0
        assert complaint in refused.stderr
    assert finetune("promote", f"{tenant}/my-tc:1").stdout == "my-tc serves version 1\n"
