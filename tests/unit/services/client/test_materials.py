"""Compositions, molecules and polymers in tables, lists, files and on a command line; the server reads the text."""

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from epitaxy.client import (
    InvalidRequestError,
    ItemError,
    composition,
    composition_column,
    element_columns,
    molecule,
    polymer_column,
    smiles_column,
)
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import Text
from epitaxy.client.inputs.materials import kind_of_text
from epitaxy.client.inputs.source import open_inputs
from epitaxy.client.screening.packing import pack_items


def read(inputs: Any, column: Any = "structure") -> list[tuple[str, str, str]]:
    items = list(open_inputs(inputs, columns=Columns.of(column, None)).items)
    return [
        (item.id, item.source.kind, item.source.content)
        if isinstance(item.source, Text)
        else (item.id, "error", item.source.reason if isinstance(item.source, ItemError) else "")
        for item in items
    ]


TABLE = {
    "id": ["a", "b", "c"],
    "smiles": ["CCO", "", "c1ccccc1"],
    "unit": ["*CC*", "*CCO*", None],
    "formula": ["Fe2O3", "CuSO4.5H2O", "Si"],
    "Fe": ["Bal.", 70, None],
    "Ni": [18, 30, None],
}


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "frame", "columns"])
def test_columns_of_tables_hold_materials(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame(TABLE).astype({"Fe": "object"})
    path = tmp_path / f"table.{ending}"
    given: Any = path
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "parquet":
        frame.astype({"Fe": "string"}).to_parquet(path)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        given = frame if ending == "frame" else TABLE
    assert read(given, smiles_column("smiles"))[::2] == [("a", "molecule", "CCO"), ("c", "molecule", "c1ccccc1")]
    assert read(given, smiles_column("smiles"))[1] == ("b", "error", "EMPTY_MOLECULE")
    assert read(given, polymer_column("unit"))[1:] == [("b", "polymer", "*CCO*"), ("c", "error", "EMPTY_POLYMER")]
    assert read(given, composition_column("formula"))[1] == ("b", "composition", "CuSO4.5H2O")
    alloys = read(given, element_columns("Fe,Ni:wt"))
    assert alloys[0] == ("a", "composition", "Fe:bal, Ni:18 wt%")
    assert alloys[1] == ("b", "composition", "Fe:70, Ni:30 wt%")
    assert alloys[2] == ("c", "error", "INVALID_AMOUNT")


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="no column 'SMILES'"):
        read(pd.DataFrame(TABLE), smiles_column("SMILES"))
    with pytest.raises(InvalidRequestError, match="no column 'Cr'"):
        read(pd.DataFrame(TABLE), element_columns("Fe,Cr:at"))
    with pytest.raises(InvalidRequestError, match="names no element"):
        element_columns("fe,ni")


def test_lists_and_sd_files_are_read(tmp_path: Path) -> None:
    copolymer = "*CC* 0.7; *CC(*)C 0.3; random"
    (tmp_path / "some.smi").write_text(f"smiles\nCCO ethanol\n# a comment\n*CC*\tpolyethylene\nC\n{copolymer}\n")
    with gzip.open(tmp_path / "ores.formulas.gz", "wt") as file:
        file.write("Fe2O3\n\nTiO2\n")
    block = "methane\n  made\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0 0.0 0.0 C\nM  END\n"
    (tmp_path / "two.sdf").write_text(f"{block}> <name>\nx\n\n$$$$\n{block.replace('methane', '')}$$$$\n")
    assert read(tmp_path / "some.smi") == [
        ("ethanol", "molecule", "CCO"),
        ("polyethylene", "polymer", "*CC*"),
        ("some/4", "molecule", "C"),
        ("some/5", "polymer", copolymer),
    ]
    assert [entry[2] for entry in read(tmp_path / "ores.formulas.gz")] == ["Fe2O3", "TiO2"]
    ids = [(entry[0], entry[1], entry[2].endswith("M  END\n")) for entry in read(tmp_path / "two.sdf")]
    assert ids == [("methane", "molecule", True), ("two/1", "molecule", True)]
    assert len(read(tmp_path)) == 8


def test_materials_are_made_from_text() -> None:
    assert read([composition("Fe2O3"), ("mine", molecule("CCO"))]) == [
        ("0", "composition", "Fe2O3"),
        ("mine", "molecule", "CCO"),
    ]
    items = list(open_inputs([composition("Fe2O3"), molecule("CCO")]).items)
    structures, _ = pack_items(items)
    assert [structure.WhichOneof("source") for structure in structures] == ["composition", "molecule"]


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (
            "molecule",
            ["CCO", "C1CC1", "c1ccccc1", "CC(=O)O", "F/C=C/F", "N#N", "O=C=O", "[SiH4]", "[Na+].[Cl-]", "C[C@H](F)Cl"],
        ),
        (
            "composition",
            ["Fe2O3", "CO2", "H2O", "CoO", "InP", "Cs2O2", "C60", "CuSO4*5H2O", "Ti-6Al-4V", "K4[Fe(CN)6]"],
        ),
        ("composition", ["Fe:bal, Ni:18 wt%", "Al0.25CoCrFeNi", "Li6.4La3Zr1.4Ta0.6O12"]),
        ("polymer", ["*CC*", "*CC(*)C", "*CC* 0.7; *CC(*)C 0.3; random"]),
        (None, ["crystals/", "data.cif", "../x", "README", "my crystals", "no-such-folder"]),
    ],
)
def test_text_on_a_command_line_is_known_by_what_it_holds(kind: str | None, texts: list[str]) -> None:
    assert {text: kind_of_text(text) for text in texts} == dict.fromkeys(texts, kind)


def test_the_client_reads_materials_without_rdkit() -> None:
    code = "import sys, epitaxy.client; sys.exit('rdkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_materials_of_a_table_are_counted_before_they_are_read(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"unit": ["*CC*", "*CC(*)C", "*CCO*"], "Fe": [1, 2, 3]})
    path = tmp_path / f"t{ending}"
    if ending == ".csv":
        frame.to_csv(path, index=False)
    elif ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    for column in (polymer_column("unit"), element_columns("Fe:at")):
        assert Inventory.of([path], columns=Columns(material=column)).count() == 3
