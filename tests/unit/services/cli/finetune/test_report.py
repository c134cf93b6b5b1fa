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
    assert "no such job" in finetune("report", "other").stderr
