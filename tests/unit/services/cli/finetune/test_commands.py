import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from label_commands import create


def test_promote_and_rollback_say_what_serves(finetune: Any, labels: Path) -> None:
    for _ in range(2):
        assert finetune(*create(labels, "--wait", name="hurts-me")).returncode == 0
    refused = finetune("promote", "hurts-me")
    assert refused.returncode == 1
    assert "transfer HURTS it" in refused.stderr
    promoted = finetune("promote", "hurts-me:1", "--override", "a comparison")
    assert promoted.stdout == "hurts-me serves version 1\n"
    assert "epitaxy screen FILES --out TABLE --model hurts-me\n" in promoted.stderr
    second = finetune("promote", "hurts-me", "--override", "another", "--json")
    told = json.loads(second.stdout)
    assert re.fullmatch(r"[a-z0-9-]+/hurts-me", told.pop("served_as"))
    assert told == {"model": "hurts-me", "version": "2", "previous_version": "1"}
    back = finetune("rollback", "hurts-me", "--reason", "worse")
    assert back.stdout == "hurts-me serves version 1 instead of version 2\n"
    assert finetune("rollback", "hurts-me").returncode == 1


def test_list_shows_jobs_latest_first(finetune: Any, labels: Path) -> None:
    for name in ("first", "second"):
        finetune(*create(labels, "--wait", name=name))
    listed = finetune("list").stdout
    assert listed.index("second:1") < listed.index("first:1")
    assert "HELPS" in listed
    assert len(finetune("list", "--limit", 1, "--json").stdout.splitlines()) == 1
    assert json.loads(finetune("list", "--model", "first", "--json").stdout)["model"] == "first"


def test_deletion_asks_first(finetune: Any, settings: Any, labels: Path) -> None:
    finetune(*create(labels, "--wait"))
    asked = finetune("delete-data")
    assert asked.returncode == 2
    assert "pass --yes if there is no terminal" in asked.stderr
    assert answered(settings, "no\n") == 2
    assert json.loads(finetune("list", "--json").stdout)["state"] == "SUCCEEDED"
    assert answered(settings, "delete\n") == 0
    assert finetune("list", "--json").stdout == ""
    assert finetune("delete-data", "--yes").stdout == "deleted 0 jobs and 0 models\n"


def answered(settings: dict[str, str], answer: str) -> int:
    """Exit code of the deletion where somebody at a terminal answers."""
    outer, inner = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EPITAXY_")} | settings
    program = "from epitaxy.cli.main import main; main()"
    command = [sys.executable, "-c", program, "finetune", "delete-data"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=inner, stdout=pipe, stderr=pipe, env=environment) as process:
        os.write(outer, answer.encode())
        process.communicate(timeout=200)
    os.close(outer)
    os.close(inner)
    return process.returncode


def test_models_that_share_no_labels_are_not_compared(finetune: Any, labels: Path) -> None:
    for name in ("one", "two"):
        assert finetune(*create(labels, "--wait", name=name)).returncode == 0
    refused = finetune("compare", "one:1", "two")
    assert refused.returncode == 2
    assert "share 1 labels" in refused.stderr
