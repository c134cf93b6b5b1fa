import json
from pathlib import Path
from typing import Any

import pytest
from label_commands import create


def test_a_policy_is_set_by_name_and_stands_in_the_log_with_all_else_that_was_decided(
    finetune: Any, labels: Path, settings: Any
) -> None:
    finetune(*create(labels, "--wait", name="judged"))
    finetune("promote", "judged")
    wanted = ("--max-width", 4.5, "--coverage", 0.8, "--max-domain-score", 0.97, "--out-of-domain", "reject")
    done = finetune("policy", "judged", *wanted, "--forbid", "Pb,Cd", "--reason", "RoHS")
    assert done.stdout == (
        "judged: review tc intervals wider than 4.5 at 80 % coverage; review domain scores above 0.97; "
        "reject answers out of domain; reject answers with Cd, Pb\n"
    )
    again = json.loads(finetune("policy", "judged", "--forbid", "Hg", "--json").stdout)
    assert again == {
        "max_interval_width": {}, "interval_coverage": 0.9, "max_domain_score": None, "out_of_domain": "REVIEW",
        "forbidden_elements": [80],
    }  # fmt: skip
    entries = [json.loads(line) for line in finetune("log", "--json").stdout.splitlines()]
    assert [entry["action"] for entry in entries] == ["POLICY", "POLICY", "PROMOTE"]
    assert [entry["reason"] for entry in entries] == ["", "RoHS", ""]
    assert all(
        entry["digest"].startswith("sha256:") and entry["request_id"] and entry["at"] for entry in entries
    )
    assert len({entry["digest"] for entry in entries}) == 3
    assert [line.split()[2] for line in finetune("log", "--limit", 2).stdout.splitlines()[1:]] == ["POLICY"] * 2
    assert finetune("log", "--model", "nothing", "--json").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nothing", "--max-width", 1), 2, "there is no job for a model named 'nothing'"),
        (("nothing", "--forbid", "Xx"), 2, "'Xx' is not an element"),
        (("nothing", "--out-of-domain", "ignore"), 2, "--out-of-domain takes accept, review, reject"),
        (("nothing", "--forbid", "Pb"), 1, "no model named"),
    ],
)
def test_a_policy_that_cannot_be_set_says_why(finetune: Any, arguments: Any, code: int, message: str) -> None:
    refused = finetune("policy", *arguments)
    assert refused.returncode == code
    assert message in refused.stderr
