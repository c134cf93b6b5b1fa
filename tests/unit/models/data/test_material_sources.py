"""Materials without a crystal in local data sets: columns of tables, lists and SD files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rdkit import Chem

from epitaxy.tables.element_columns import ElementColumns
from epitaxy_models.data.inspection import inspect_table
from epitaxy_models.data.provenance import Provenance
from epitaxy_models.data.sources.records import ColumnNames
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials import MaterialKind

ConvertPath = Callable[..., tuple[list[dict[str, Any]], Provenance]]


def test_smiles_are_kept_by_their_key_and_refused_with_reasons(convert_path: ConvertPath, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "id,smiles,solvent,logs\n"
        "a,OCC,water,0.5\nb,C(C)O,water,\nc,[Na+].[Cl-],water,1\nd,,water,1\ne,C/C=C/C,water,-2\nf,C*,water,1\n"
    )
    rows, provenance = convert_path(path, ColumnNames(None, "smiles", MaterialKind.MOLECULE), units={"logs": "mol/L"})
    assert [(row["id"], row["smiles"], row["formula"], row["logs_mol_L"]) for row in rows] == [
        ("a", "CCO", "CCO", 0.5),
        ("b", "CCO", "CCO", None),
        ("e", "C/C=C/C", "CC=CC", -2.0),
    ]
    assert provenance.refused == {"EMPTY_MOLECULE": 1, "SALT": 1, "WILDCARD_COUNT": 1}
    assert provenance.dropped_columns == ("solvent",)
    found = inspect_table(tmp_path / "out.parquet")
    assert (found.n_rows, found.kind, found.n_sites) == (3, MaterialKind.MOLECULE, (3, 3.0, 4))
    assert found.elements == {"C": 3, "O": 2}
    assert found.same_crystal.examples == (("a", "b"),)
    assert not found.suspicious


def test_compositions_come_as_formulas_or_as_one_column_an_element(convert_path: ConvertPath, tmp_path: Path) -> None:
    path = tmp_path / "steels.jsonl"
    lines = [
        {"alloy": "Fe:bal, Ni:18 wt%", "Fe": "Bal.", "Ni": 18, "yield_MPa": 900},
        {"alloy": "NiFe", "Fe": 50, "Ni": "x", "yield_MPa": 800},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    rows, _ = convert_path(path, ColumnNames(None, "alloy", MaterialKind.COMPOSITION))
    assert [row["composition"] for row in rows] == ["Fe67Ni14", "FeNi"]
    assert [row["yield_MPa"] for row in rows] == [900, 800]
    amounts = ElementColumns.of("Fe,Ni:wt")
    by_element, provenance = convert_path(path, ColumnNames(kind=MaterialKind.COMPOSITION, amounts=amounts))
    assert [row["composition"] for row in by_element] == ["Fe67Ni14"]
    assert provenance.refused == {"INVALID_AMOUNT": 1}
    with pytest.raises(ConfigurationError, match="there is no column 'Cr'"):
        convert_path(path, ColumnNames(kind=MaterialKind.COMPOSITION, amounts=ElementColumns.of("Fe,Cr:wt")))


def test_lists_state_their_kind_by_their_lines(convert_path: ConvertPath, tmp_path: Path) -> None:
    (tmp_path / "m.smi").write_text("SMILES name\nCCO ethanol\n# a comment\nc1ccccc1\n")
    rows, _ = convert_path(tmp_path / "m.smi")
    assert [(row["id"], row["smiles"]) for row in rows] == [("ethanol", "CCO"), ("row-2", "c1ccccc1")]
    (tmp_path / "p.smi").write_text("*CC(C)*\tPP\n*CC*\tPE\n")
    rows, _ = convert_path(tmp_path / "p.smi")
    assert [(row["id"], row["polymer"]) for row in rows] == [("PP", "*CC(*)C"), ("PE", "*C*")]
    (tmp_path / "f.formulas").write_text("Fe2O3\nCuSO4.5H2O\nFe2O3\nFe2Ox\n")
    rows, provenance = convert_path(tmp_path / "f.formulas")
    assert [(row["id"], row["composition"]) for row in rows] == [
        ("Fe2O3", "Fe2O3"),
        ("CuSO4.5H2O", "CuH10O9S"),
        ("row-3", "Fe2O3"),
    ]
    assert provenance.refused == {"INVALID_AMOUNT": 1}


def test_data_items_of_an_sd_file_are_labels(convert_path: ConvertPath, tmp_path: Path) -> None:
    path = tmp_path / "a.sdf"
    writer = Chem.SDWriter(str(path))
    for name, smiles, melting in (("ethanol", "CCO", "159"), ("acetic acid", "CC(=O)O", "290"), ("", "C", "")):
        molecule = Chem.MolFromSmiles(smiles)
        molecule.SetProp("_Name", name)
        molecule.SetProp("melting point", melting)
        molecule.SetProp("remark", "two\nlines")
        writer.write(molecule)
    writer.close()
    path.write_bytes(path.read_bytes() + b"broken\n\n\n  1  0\n$$$$\n")
    rows, provenance = convert_path(path, units={"melting point": "K"})
    assert [(row["id"], row["smiles"], row["melting_point_K"]) for row in rows] == [
        ("ethanol", "CCO", 159.0),
        ("acetic acid", "CC(=O)O", 290.0),
        ("row-3", "C", None),
    ]
    assert provenance.n_refused == 1
    assert provenance.dropped_columns == ("remark",)
