"""``epitaxy explain``: tables, JSON and a page."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def cifs(tmp_path: Path) -> Path:
    (tmp_path / "cifs").mkdir()
    for name in ("a", "bad", "odd"):
        (tmp_path / "cifs" / f"{name}.cif").write_text(f"data_{name}\n")
    return tmp_path / "cifs"


def test_explain_prints_contributions_known_materials_and_the_verdict(run: Any, target: str, cifs: Path) -> None:
    done = run("explain", cifs / "a.cif", "--property", "band_gap", "--nearest", "2", "--target", target)
    assert done.returncode == 0, done.stderr
    for part in ("SrTiO3", "band_gap -2.500 eV/atom", "-2.100", "O–Ti 1.95 Å", "2 neighbours", "mp-0", "1.800"):
        assert part in done.stdout
    assert "Faithful: taking parts away" in done.stdout


def test_json_is_one_object_a_line_and_a_refused_one_sets_the_exit_code(run: Any, target: str, cifs: Path) -> None:
    done = run("explain", cifs, "--json", "--target", target)
    assert done.returncode == 3
    a, bad, odd = map(json.loads, done.stdout.splitlines())
    assert a["faithfulness"]["is_faithful"]
    assert bad["error"]["reason"] == "PARTIAL_OCCUPANCY"
    assert not odd["faithfulness"]["is_faithful"]
    assert len(a["sites"]) == 5


def test_html_is_written_for_one_structure(run: Any, target: str, cifs: Path, tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    done = run("explain", cifs / "a.cif", "--html", page, "--target", target)
    assert done.returncode == 0, done.stderr
    assert "Because it resembles" in page.read_text(encoding="utf-8")
    refused = run("explain", cifs, "--html", page, "--target", target)
    assert refused.returncode == 2
    assert "--html needs exactly one structure" in refused.stderr


def test_many_structures_are_refused_before_a_call(run: Any, crystals_file: Any) -> None:
    done = run("explain", crystals_file(65), "--target", "127.0.0.1:1")
    assert done.returncode == 2
    assert "at most 64 are allowed" in done.stderr


def test_a_molecule_is_named_as_text_and_explained_by_atom_and_bond(run: Any, target: str, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    done = run("explain", "CC#N", "--html", page, "--target", target)
    assert done.returncode == 0, done.stderr
    for part in ("boiling_point 355.000 K", "CCC, the saturated hydrocarbon", "N 3", "C 2#N 3", "+24.000", "pressure"):
        assert part in done.stdout, part
    assert "Shapley values of 3 parts" in done.stdout
    assert "most similar" not in done.stdout
    assert "<svg" in page.read_text(encoding="utf-8")
    table = tmp_path / "molecules.csv"
    table.write_text("id,smiles\nCC#N,CC#N\nbad,CCO\n")
    both = run("explain", table, "--smiles-column", "smiles", "--json", "--target", target)
    assert both.returncode == 3
    first, second = map(json.loads, both.stdout.splitlines())
    assert (first["kind"], second["error"]["reason"]) == ("molecule", "PARTIAL_OCCUPANCY")
