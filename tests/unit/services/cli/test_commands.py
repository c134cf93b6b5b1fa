import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from epitaxy.cli.checkup import check_server
from epitaxy.client import Client


@pytest.fixture
def cifs(tmp_path: Path) -> Path:
    (tmp_path / "cifs").mkdir()
    for name in ("a", "b", "bad"):
        (tmp_path / "cifs" / f"{name}.cif").write_text(f"data_{name}\n")
    return tmp_path / "cifs"


def test_validate_reports_every_structure(run: Any, target: str, cifs: Path) -> None:
    done = run("validate", cifs, "--target", target)
    assert done.returncode == 3
    assert "WRAPPED_COORDINATES" in done.stdout
    assert "PARTIAL_OCCUPANCY: order the sites" in done.stdout
    assert "2 usable, 1 refused" in done.stderr
    assert run("validate", cifs / "a.cif", "--target", target).returncode == 0


def test_predict_prints_values_with_intervals(run: Any, target: str, cifs: Path) -> None:
    done = run("predict", cifs / "a.cif", "--property", "band_gap", "--target", target)
    assert done.returncode == 0
    assert "band_gap" in done.stdout
    assert "IN_DOMAIN" in done.stdout
    assert run("predict", cifs, "--target", target).returncode == 3


def test_json_output_is_one_object_a_line(run: Any, target: str, cifs: Path) -> None:
    predicted = run("predict", cifs, "--json", "--target", target)
    validated = run("validate", cifs, "--json", "--target", target)
    listed = run("models", "list", "--json", "--target", target)
    records = [json.loads(line) for line in predicted.stdout.splitlines()]
    assert [record["id"] for record in records] == ["a", "b", "bad"]
    assert records[0]["predictions"][0]["unit"] == "eV/atom"
    assert [json.loads(line)["n_sites"] for line in validated.stdout.splitlines()] == [2, 2, 0]
    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == ["substrate", "film"]


def test_models_are_listed_and_shown(run: Any, target: str) -> None:
    listed = run("--target", target, "models", "list")
    shown = run("models", "show", "film@champion", "--target", target)
    missing = run("models", "show", "nacre", "--target", target)
    assert (listed.returncode, shown.returncode, missing.returncode) == (0, 0, 1)
    assert "substrate" in listed.stdout
    assert "molecules, polymers" in listed.stdout
    assert re.search(r"answers +molecules, polymers", shown.stdout)
    assert "Materials Project (CC-BY 4.0)" in shown.stdout
    assert "test_mae 0.1" in shown.stdout
    assert re.search(r"metals +21 +0\.2500 +0\.900 +1\.500", shown.stdout)
    assert re.search(r"textbook: all +22 +0\.5000 +0\.800 +1\.250", shown.stdout)
    assert re.search(r"textbook, out of fold: 1 element +23 +0\.1250 +0\.875 +2\.500", shown.stdout)
    assert missing.stdout == ""
    assert "no model 'nacre'" in missing.stderr


def test_the_commands_own_target_goes_before_the_global_one_and_the_environment(run: Any, target: str) -> None:
    done = run("--target", "127.0.0.1:1", "models", "list", "--target", target, EPITAXY_TARGET="127.0.0.1:2")
    assert done.returncode == 0
    before = run("--target", target, "models", "list", EPITAXY_TARGET="127.0.0.1:2")
    assert before.returncode == 0, before.stderr


def test_a_wrong_key_is_exit_code_1_and_never_shown(run: Any, target: str, faults: Any) -> None:
    faults.required_key = "right"
    done = run("models", "list", "--target", target, EPITAXY_API_KEY="wrong-key")
    assert done.returncode == 1
    assert "set EPITAXY_API_KEY to a valid key" in done.stderr
    assert "wrong-key" not in done.stderr
    assert run("models", "list", "--target", target, EPITAXY_API_KEY="right").returncode == 0


def test_doctor_finds_a_healthy_server_and_what_is_installed(run: Any, target: str) -> None:
    done = run("doctor", "--target", target)
    assert done.returncode == 0, done.stdout
    for word in (
        "grpcio",
        "numba",
        "gemmi",
        "redis-server",
        " cores, ",
        "healthy",
        "substrate:1",
        "no problems found",
    ):
        assert word in done.stdout


def test_a_model_on_an_earlier_substrate_is_told_with_the_command_that_refits_it(run: Any, target: str) -> None:
    listed = run("models", "list", "--target", target)
    (row,) = [line for line in listed.stdout.splitlines() if line.strip().startswith("film")]
    assert row.rstrip().endswith("substrate:1, an earlier version")
    assert "1 on an earlier version of the shared model; to bring one up to date: epitaxy finetune refit film:1" in (
        listed.stderr
    )
    cards = run("models", "list", "--json", "--target", target).stdout.splitlines()
    bases = [json.loads(card)["base"] for card in cards]
    assert bases == [
        None,
        {"name": "substrate", "version": "1", "weights_digest": "sha256:old", "is_current": False},
    ]
    with Client(target) as client:
        (note,) = [finding for finding in check_server(client) if finding.subject == "models to refit"]
    assert (note.status, note.detail) == ("note", "film:1 on substrate:1, an earlier version")
    assert note.remedy.startswith("epitaxy finetune refit film:1 ")


def test_doctor_says_that_no_server_answers_and_how_to_start_one(run: Any) -> None:
    done = run("doctor", "--target", "127.0.0.1:1")
    assert done.returncode == 1
    assert "PROBLEM" in done.stdout
    assert "epitaxy serve" in done.stdout


def test_the_doctor_tells_an_unhealthy_server_from_one_that_is_not_there(small_server: ModuleType, faults: Any) -> None:
    with small_server.serving_in_thread(faults, is_healthy=False) as target, Client(target) as client:
        (finding,) = check_server(client)
    assert finding.status == "problem"
    assert finding.detail == "answers, but reports that it does not serve"


@pytest.mark.parametrize("arguments", [("--help",), ("screen", "--help"), ("serve", "--help"), ("models", "--help")])
def test_help_is_on_stdout(run: Any, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 0
    assert "Usage: " in done.stdout
    assert done.stderr == ""


def test_the_version_is_told_without_a_command(run: Any) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"epitaxy {metadata.version('epitaxy')}\n", "")


@pytest.mark.parametrize("command", ["predict", "validate"])
def test_a_folder_without_structures_is_a_mistake_of_the_command_line(run: Any, tmp_path: Path, command: str) -> None:
    (tmp_path / "none").mkdir()
    done = run(command, "none")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "epitaxy: no structures in none\n")


def test_ctrl_c_while_the_command_loads_is_exit_code_130_without_a_traceback() -> None:
    # rich is loaded by the command; a finder of its own interrupts there.
    program = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "rich":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from epitaxy.cli.main import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_unknown_command_is_exit_code_2(run: Any) -> None:
    assert run("grow").returncode == 2


def test_materials_are_given_as_text(run: Any, target: str, cifs: Path) -> None:
    done = run("validate", "CCO", "Fe2O3", "*CC*", "--json", "--target", target)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["CCO", "Fe2O3", "*CC*"]
    assert run("predict", "CCO", "--target", target).returncode == 0
    kinds = ["CCO", "(La1/3Sr2/3)MnO3", "Fe2Ox", "*CC"]
    several = run("predict", *kinds, "--json", "--target", target)
    assert [json.loads(line)["id"] for line in several.stdout.splitlines()] == kinds
    typo = run("validate", "CCO", "hello", "--target", target)
    assert (typo.returncode, "there is no file hello, and it is no formula or SMILES" in typo.stderr) == (2, True)
    mixed = run("validate", "CCO", cifs, "--target", target)
    assert (mixed.returncode, "give only one of the two kinds" in mixed.stderr) == (2, True)
    assert "no such file or folder: crystals" in run("validate", "crystals", "--target", target).stderr


def test_tables_of_materials_name_one_column(run: Any, target: str, tmp_path: Path) -> None:
    (tmp_path / "alloys.csv").write_text("id,SMILES,Fe,Ni\na,CCO,70,30\n")
    named = run("validate", "alloys.csv", "--element-columns", "Fe,Ni:wt", "--target", target)
    assert named.returncode == 0, named.stderr
    both = run("validate", "alloys.csv", "--smiles-column", "SMILES", "--polymer-column", "SMILES", "--target", target)
    assert (both.returncode, "both name the materials" in both.stderr) == (2, True)
