import json
from pathlib import Path
from typing import Any

from label_commands import create


def test_refit_and_wait_names_the_version_before_and_the_gain(finetune: Any, labels: Path, rig: Any) -> None:
    assert finetune(*create(labels, "--wait")).returncode == 0
    done = finetune("refit", "my-tc", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert "refit     version 1, 30 labelled rows" in done.stderr
    document = json.loads(done.stdout.splitlines()[-1])
    assert (document["refit_of"], document["version"]) == ("1", "2")
    told = document["succession"]
    assert (told["verdict"], told["gain"], told["model_version"], told["n_splits"]) == ("HELPS", 0.25, "1", 15)
    shown = finetune("watch", document["job_id"])
    assert "Against version 1, the refit errs less." in shown.stdout

    missing = finetune("refit", "nothing")
    assert missing.returncode != 0
    assert "no model named" in missing.stderr
