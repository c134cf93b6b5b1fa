import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from epitaxy.client import InvalidRequestError, LabelColumn
from epitaxy.client.finetune.columns import FineTuneRequest, property_name_of
from epitaxy.client.finetune.labels import Labels, read_labels
from epitaxy.client.inputs.item import Cell, Text

CRYSTAL = {"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": [11, 17], "frac": [[0, 0, 0], [0.5, 0.5, 0.5]]}
CIF = "data_NaCl\n_cell_length_a 4\n"


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"id": f"c{row}", "structure": CRYSTAL, "tc_k": row + 0.5, "note": "x"} for row in range(count)]


def write_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    flat = [row | {"structure": json.dumps(row["structure"])} for row in rows]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    elif path.suffix == ".csv":
        pd.DataFrame(flat).to_csv(path, index=False)
    else:
        pd.DataFrame(flat).to_parquet(path)
    return path


def kinds(labels: Labels) -> list[str]:
    return [item.source.kind if isinstance(item.source, Text) else type(item.source).__name__ for item in labels.items]


@pytest.mark.parametrize("name", ["l.parquet", "l.csv", "l.jsonl"])
def test_tables_of_all_kinds_give_the_same_labels(tmp_path: Path, name: str) -> None:
    rows = rows_of(12)
    rows[3]["tc_k"] = None
    labels = read_labels(write_table(tmp_path / name, rows), ["tc_k"])
    expected = [np.nan if row == 3 else row + 0.5 for row in range(12)]
    np.testing.assert_array_equal(labels.values["tc_k"], expected)
    assert [item.id for item in labels.items] == [f"c{row}" for row in range(12)]
    assert kinds(labels) == ["Cell"] * 12
    assert len(labels.to_proto().structures) == 1


def test_cells_hold_json_cif_text_or_the_name_of_a_file_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.cif").write_text(CIF)
    cells = [json.dumps(CRYSTAL), CIF, "sub/a.cif", json.dumps({"lattice": {}, "sites": []})]
    pd.DataFrame({"structure": cells, "tc_k": [1, 2, 3, 4]}).to_csv(tmp_path / "l.csv", index=False)
    labels = read_labels(tmp_path / "l.csv", ["tc_k"])
    assert kinds(labels) == ["Cell", "cif", "cif", "pymatgen_json"]
    assert [item.id for item in labels.items] == ["0", "1", "2", "3"]


def test_objects_of_pymatgen_and_ase_go_as_arrays() -> None:
    from ase import Atoms
    from pymatgen.core import Lattice, Structure

    structure = Structure(Lattice.cubic(4.0), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    atoms = Atoms("NaCl", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=np.eye(3) * 4.0, pbc=True)
    triple = (np.eye(3) * 4.0, [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])
    labels = read_labels(pd.DataFrame({"structure": [structure, atoms, triple], "tc_k": [1, 2, 3]}), ["tc_k"])
    for item in labels.items:
        assert isinstance(item.source, Cell)
        assert item.source.atomic_numbers.tolist() == [11, 17]


@pytest.mark.parametrize("name", ["id_prop.csv", "targets.csv"])
def test_a_folder_of_cifs_is_matched_by_name_with_the_table_in_it(tmp_path: Path, name: str) -> None:
    for stem in ("a", "b"):
        (tmp_path / f"{stem}.cif").write_text(CIF + stem)
    head = "" if name == "id_prop.csv" else "name,tc_k\n"
    (tmp_path / name).write_text(f"{head}b,2.5\na.cif,1.5\nnone,3.5\n")
    labels = read_labels(tmp_path, ["tc_k"])
    assert [item.id for item in labels.items] == ["b", "a.cif", "none"]
    assert labels.values["tc_k"].tolist() == [2.5, 1.5, 3.5]
    assert [item.source.content[-1] for item in labels.items[:2]] == ["b", "a"]  # type: ignore[union-attr]
    ((item, error),) = labels.refused
    assert item.id == "none"
    assert "cannot read none.cif" in error.message


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
@pytest.mark.parametrize("name", ["id_prop.csv", "targets.csv"])
def test_a_packed_folder_is_read_as_the_folder_is(tmp_path: Path, name: str, ending: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for stem in ("a", "b"):
        (folder / f"{stem}.cif").write_text(CIF + stem)
    head = "" if name == "id_prop.csv" else "name,tc_k\n"
    (folder / name).write_text(f"{head}b,2.5\na.cif,1.5\nnone,3.5\n")
    kind = {".zip": "zip", ".tar.gz": "gztar"}[ending]
    packed = Path(shutil.make_archive(str(tmp_path / "set"), kind, tmp_path, "set"))
    labels, unpacked = read_labels(packed, ["tc_k"]), read_labels(folder, ["tc_k"])
    assert [item.id for item in labels.items] == [item.id for item in unpacked.items]
    assert [item.source for item in labels.items[:2]] == [item.source for item in unpacked.items[:2]]
    ((item, error),) = labels.refused
    assert (item.id, error.reason) == ("none", "NO_SUCH_FILE")
    (folder / "more.csv").write_text("id,tc_k\n")
    both = shutil.make_archive(str(tmp_path / "two"), kind, tmp_path, "set")
    with pytest.raises(InvalidRequestError, match=r"holds 2 tables \("):
        read_labels(both, ["tc_k"])


def test_long_cells_of_a_csv_are_read(tmp_path: Path) -> None:
    large = CRYSTAL | {"species": [11] * 9000, "frac": [[0.1234567, 0.2345678, index / 9000] for index in range(9000)]}
    path = write_table(tmp_path / "l.csv", [{"structure": large, "tc_k": 1.0}])
    assert path.stat().st_size > 131_072
    assert kinds(read_labels(path, ["tc_k"])) == ["Cell"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("cold", r"row 2 \(c2\): tc_k holds 'cold', which is not a number: give one, or leave the cell empty"),
        (float("inf"), r"row 2 \(c2\): tc_k holds 'inf'"),
        (True, r"row 2 \(c2\): tc_k holds 'True'"),
        ([1.0], r"row 2 \(c2\): tc_k holds '\[1.0\]'"),
    ],
)
def test_a_cell_that_is_no_number_is_named_with_its_row(cell: object, message: str) -> None:
    rows = rows_of(4)
    rows[2]["tc_k"] = cell
    with pytest.raises(InvalidRequestError, match=message):
        read_labels(rows, ["tc_k"])


@pytest.mark.parametrize("missing", [None, float("nan"), "", pd.NA])
def test_an_empty_cell_is_no_label(missing: object) -> None:
    rows = rows_of(3)
    rows[1]["tc_k"] = missing
    assert np.isnan(read_labels(rows, ["tc_k"]).values["tc_k"]).tolist() == [False, True, False]


def test_rows_without_a_structure_are_named_and_can_be_left_out() -> None:
    rows = rows_of(8)
    for row, structure in ((1, None), (2, "{"), (5, "what"), (7, CRYSTAL | {"species": ["Qq", "Cl"]})):
        rows[row]["structure"] = structure
    labels = read_labels(rows, ["tc_k"])
    with pytest.raises(
        InvalidRequestError, match=r"row 1 \(c1\): the row has no structure.*and 1 more.*--skip-refused"
    ):
        labels.to_proto()
    kept = labels.without_refused()
    assert [item.id for item in kept.items] == ["c0", "c3", "c4", "c6"]
    assert list(kept.to_proto().columns[0].values) == [0.5, 3.5, 4.5, 6.5]


def test_labels_too_large_for_one_message_are_refused_with_a_way_out() -> None:
    rows = [{"structure": CIF + "#" * (2 << 20), "tc_k": 1.0} for _ in range(8)]
    with pytest.raises(InvalidRequestError, match=r"16 MiB and one message takes 15.*s3://"):
        read_labels(rows, ["tc_k"]).to_proto()


@pytest.mark.parametrize(
    ("column", "options", "message"),
    [
        ("tc", {}, "no column 'tc', only id, structure, tc_k, note"),
        ("tc_k", {"structure_column": "cif"}, "no column 'cif'"),
        ("tc_k", {"id_column": "mpid"}, "no column 'mpid'"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, column: str, options: Any, message: str
) -> None:
    for data in (rows_of(3), write_table(tmp_path / "l.parquet", rows_of(3))):
        with pytest.raises(InvalidRequestError, match=message):
            read_labels(data, [column], **options)


def test_files_that_are_no_tables_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "l.xlsx").write_text("")
    (tmp_path / "l.parquet").write_text("no parquet")
    (tmp_path / "l.jsonl").write_text('{"tc_k": 1}\n{\n')
    (tmp_path / "list.jsonl").write_text("[1]\n")
    (tmp_path / "wide.csv").write_text("structure,tc_k\n{,1,2\n")
    (tmp_path / "latin.csv").write_bytes(b"structure,tc_k\n\xff,1\n")
    (tmp_path / "empty").mkdir()
    for name, message in {
        "none.csv": "no such file or folder",
        "l.xlsx": r"give \.parquet, \.csv, \.jsonl",
        "l.parquet": "cannot read l.parquet",
        "l.jsonl": "line 2 of l.jsonl is not valid JSON",
        "list.jsonl": "row 0 is a list: give a dict",
        "wide.csv": "line 2 of wide.csv has more cells than the header",
        "latin.csv": "not UTF-8; convert it with iconv",
        "empty": "no table: put one beside the CIF files, with columns id and tc_k",
    }.items():
        with pytest.raises(InvalidRequestError, match=message):
            read_labels(tmp_path / name, ["tc_k"])
    with pytest.raises(InvalidRequestError, match="differ in length: structure 1, tc_k 2"):
        read_labels({"structure": [CRYSTAL], "tc_k": [1, 2]}, ["tc_k"])
    with pytest.raises(InvalidRequestError, match="a int holds no labels"):
        read_labels(3, ["tc_k"])


def test_columns_are_read_from_text() -> None:
    assert LabelColumn.parse("gap_pbe:PBE+U:0.25") == LabelColumn("gap_pbe", "PBE+U", 0.25)
    assert LabelColumn.parse("gap") == LabelColumn("gap")
    for text in ("", ":PBE", "a:PBE:x", "a:PBE:1:2"):
        with pytest.raises(InvalidRequestError, match="write NAME, NAME:FIDELITY or NAME:FIDELITY:COST"):
            LabelColumn.parse(text)
    with pytest.raises(InvalidRequestError, match="'B3LYP' is not a fidelity: give one of PBE, PBE_U"):
        LabelColumn("gap", "B3LYP")
    with pytest.raises(InvalidRequestError, match="the cost of gap is -1"):
        LabelColumn("gap", "PBE", -1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transform": "sqrt"}, "'sqrt' is not a transform: give one of none, log10, log1p, auto"),
        ({"seed": -1}, "the seed is -1"),
        ({"max_seconds": 0.0}, "the longest time is 0 s"),
        ({"low_fidelity": (LabelColumn("tc_k", "PBE"),)}, "named twice"),
    ],
)
def test_what_is_asked_for_is_checked_before_anything_is_sent(options: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        FineTuneRequest("m", LabelColumn("tc_k"), "K", **options)


@pytest.mark.parametrize(
    ("column", "unit", "name"),
    [
        ("tc_k", "K", "tc"),
        ("e_form_eV_atom", "eV/atom", "e_form"),
        ("Band Gap (HSE)", "eV", "band_gap_hse"),
        ("K", "K", "k"),
        ("ratio", "1", "ratio"),
    ],
)
def test_a_property_is_named_after_its_column_without_the_unit(column: str, unit: str, name: str) -> None:
    assert property_name_of(column, unit) == name
