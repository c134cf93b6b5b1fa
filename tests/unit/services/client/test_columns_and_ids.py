"""One reader of cells and one rule of ids, whatever the rows come from."""

import gzip
import json
import re
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epitaxy.client import InvalidRequestError, ItemError
from epitaxy.client.finetune.labels import read_labels
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.item import Cell, InputItem, Text
from epitaxy.client.inputs.source import open_inputs

CRYSTAL = {"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": [55, 17], "frac": [[0, 0, 0], [0.5, 0.5, 0.5]]}
JSON = json.dumps(CRYSTAL)
CIF = "data_x\n_cell_length_a 4\nloop_\n_atom_site_label\n_atom_site_fract_x\nNa 0\n"
POSCAR = "NaCl\n1.0\n4 0 0\n0 4 0\n0 0 4\nNa Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
FRAME = '1\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3\nNa 0 0 0\n'
TRIPLE = (np.eye(3) * 4, [55, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])


def read(inputs: Any, **columns: Any) -> list[InputItem]:
    return list(open_inputs(inputs, columns=Columns(**columns)).items)


def ids(items: list[InputItem]) -> list[str]:
    assert not any(isinstance(item.source, ItemError) for item in items), items
    return [item.id for item in items]


def kind(item: InputItem) -> str:
    return item.source.kind if isinstance(item.source, Text) else type(item.source).__name__


CELLS = [JSON, CIF, "\ufeff" + CIF, POSCAR, FRAME, json.dumps({"lattice": {}, "sites": []}), "a", "SUB/b.CIF"]
KINDS = ["Cell", "cif", "cif", "poscar", "extxyz", "pymatgen_json", "cif", "cif"]


def write_table(path: Path, frame: pd.DataFrame) -> Path:
    if ".parquet" in path.name:
        frame.to_parquet(path)
        return path
    text = frame.to_json(orient="records", lines=True) if ".jsonl" in path.name else frame.to_csv(index=False)
    content = b"\xef\xbb\xbf" + text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.jsonl", "t.csv.gz", "t.jsonl.gz"])
def test_screening_and_labels_read_the_same_cells_under_the_same_ids(tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    for file in ("a.cif", "sub/b.cif"):
        (tmp_path / file).write_text(CIF)
    frame = pd.DataFrame({"run": [f"r{row}" for row in range(8)], "structure": CELLS, "tc": range(8)})
    path = write_table(tmp_path / name, frame)
    screened = read(path, id="run")
    labels = read_labels(path, ["tc"], id_column="run")
    assert [kind(item) for item in screened] == KINDS
    assert ids(screened) == ids(list(labels.items)) == [f"r{row}" for row in range(8)]
    assert [kind(item) for item in labels.items] == KINDS
    assert labels.values["tc"].tolist() == list(range(8))


def test_binary_cells_are_texts(tmp_path: Path) -> None:
    cells = [JSON.encode(), CIF.encode(), CIF.encode("utf-16"), gzip.compress(CIF.encode()), b"\x89PNG\r\n\x1a\n"]
    pq.write_table(
        pa.table({"id": pa.array([b"a", b"b", b"c", b"d", b"\xff"]), "structure": cells}), tmp_path / "t.parquet"
    )
    *good, bad = read(tmp_path / "t.parquet")
    assert ids(good) == ["a", "b", "c", "d"]
    assert [kind(item) for item in good] == ["Cell", "cif", "cif", "cif"]
    assert bad.id == "ff"
    assert isinstance(bad.source, ItemError)
    assert "a PNG image" in bad.source.message


@pytest.mark.parametrize(
    "index", [pd.Index(["m1", "m2"], name="mbid"), pd.Index(["m1", "m2"], name="run"), ["m1", "m2"]]
)
def test_the_index_of_a_frame_and_of_its_parquet_file_are_ids(tmp_path: Path, index: Any) -> None:
    frame = pd.DataFrame({"structure": [JSON, CIF], "tc": [1.0, 2.0]}, index=index)
    frame.to_parquet(tmp_path / "t.parquet")
    for data in (frame, tmp_path / "t.parquet", frame["structure"]):
        assert ids(read(data)) == ["m1", "m2"]
    for data in (frame, tmp_path / "t.parquet"):
        assert ids(list(read_labels(data, ["tc"]).items)) == ["m1", "m2"]


def test_rows_that_were_filtered_keep_the_numbers_of_their_index(tmp_path: Path) -> None:
    frame = pd.DataFrame({"structure": [JSON] * 10})
    assert ids(read(frame)) == [str(row) for row in range(10)]
    assert ids(read(frame.iloc[[3, 7]])) == ["3", "7"]
    frame.iloc[4:6].to_parquet(tmp_path / "t.parquet")
    assert ids(read(tmp_path / "t.parquet")) == ["t/4", "t/5"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: list(zip(np.arange(2), [TRIPLE, TRIPLE], strict=True)),
        lambda: pd.DataFrame({"ID": [0, 1], "structure": [JSON, CRYSTAL]}),
        lambda: pa.table({"id": [0, 1], "structure": [JSON, JSON]}),
        lambda: pd.DataFrame({"structure": [JSON, CIF]})["structure"],
        lambda: {"id": np.arange(2), "structure": [CRYSTAL, JSON]},
        lambda: [{"id": 0, "structure": JSON}, {"id": 1.0, "structure": CIF}],
        lambda: {np.int64(0): JSON, np.int64(1): TRIPLE},
        lambda: iter([JSON, CIF.encode()]),
        lambda: [(b"0", CIF), (np.str_("1"), CRYSTAL)],
        lambda: [("0", JSON), (1.0, JSON)],
    ],
)
def test_frames_columns_rows_and_pairs_are_inputs(make: Callable[[], Any]) -> None:
    assert ids(read(make())) == ["0", "1"]


def test_pairs_take_any_id() -> None:
    one = uuid.UUID(int=5)
    assert ids(read([(one, TRIPLE)])) == [str(one)]


def test_a_frame_without_the_column_says_how_to_name_it() -> None:
    frame = pd.DataFrame({"cif": [CIF], "name": ["a"]})
    with pytest.raises(InvalidRequestError, match="no column 'structure', only cif, name; name the one"):
        open_inputs(frame)
    assert ids(read(frame, structure="cif", id="name")) == ["a"]
    with pytest.raises(InvalidRequestError, match="no column 'nme'"):
        open_inputs(frame, columns=Columns(structure="cif", id="nme"))


def test_a_table_without_the_asked_columns_is_one_refusal(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"id,cif\na,{'x'}\n")
    ((item),) = read(tmp_path / "t.csv")
    assert isinstance(item.source, ItemError)
    assert item.source.reason == "NO_STRUCTURE_COLUMN"
    assert "--structure-column" in item.source.message


def test_text_of_several_structures_is_told_and_not_cut(tmp_path: Path) -> None:
    two = CIF + CIF.replace("data_x", "data_y")
    (item,) = read(two)
    assert isinstance(item.source, ItemError)
    assert item.source.reason == "SEVERAL_STRUCTURES"
    assert "(x, y)" in item.source.message
    (tmp_path / "a.cif").write_text(two)
    assert ids(read(tmp_path / "a.cif")) == ["a#x", "a#y"]


def test_a_row_of_a_csv_that_is_too_wide_is_refused_alone(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('id,structure\na,"data_x\n_cell_a 1"\nb,x,y,z\n')
    good, bad = read(tmp_path / "t.csv")
    assert kind(good) == "cif"
    assert isinstance(bad.source, ItemError)
    assert "line 4 of t.csv has more cells" in bad.source.message


def names_of(tmp_path: Path, name: str) -> Any:
    for file in ("run1/NaCl.cif", "run2/nacl.vasp", "run2/KCl.cif", "MgO.cif.gz"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(gzip.compress(CIF.encode()) if file.endswith("gz") else CIF.encode())
    (tmp_path / "t.csv").write_text(f"id,structure\na,{name}\n")
    ((item),) = read(tmp_path / "t.csv")
    return item.source


@pytest.mark.parametrize(
    "name",
    ["run2/KCl.cif", "KCl", "kcl.CIF", "other/KCl.cif", " KCl ", "NaCl", "nacl", "MgO", "mgo.cif", ".\\run2\\KCl"],
)
def test_files_are_matched_without_ending_case_or_folder(tmp_path: Path, name: str) -> None:
    assert isinstance(names_of(tmp_path, name), Text)


def test_a_name_that_fits_several_files_or_none_is_told(tmp_path: Path) -> None:
    source = names_of(tmp_path, "NACL")
    assert source.reason == "AMBIGUOUS_FILE"
    assert "run1/NaCl.cif or run2/nacl.vasp" in source.message
    source = names_of(tmp_path, "KCl3")
    assert source.reason == "NO_SUCH_FILE"
    assert "the nearest is run2/KCl.cif" in source.message


def test_repeated_ids_and_separators_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = "".join(f'{name};"{CIF}";{value}\n' for name, value in [("a", "0,5"), ("a", "1,5"), ("b", "n/a")])
    (tmp_path / "t.csv").write_text("id;structure;tc\n" + rows)
    labels = read_labels(tmp_path / "t.csv", ["tc"])
    np.testing.assert_array_equal(labels.values["tc"], [0.5, 1.5, np.nan])
    assert labels.notes == (
        "t.csv: read as semicolon-separated",
        "tc: read with decimal commas",
        "repeated ids: a (2 rows); all rows are kept",
    )
    assert [record.getMessage() for record in caplog.records] == list(labels.notes)


def test_all_bad_cells_are_told_with_their_lines(tmp_path: Path) -> None:
    rows = [f'r{row},"{CIF}",{"x" if row % 2 else row}\n' for row in range(60)]
    (tmp_path / "t.csv").write_text("id,structure,tc\n" + "".join(rows))
    with pytest.raises(InvalidRequestError, match="30 cells hold no number") as caught:
        read_labels(tmp_path / "t.csv", ["tc"])
    # Each quoted cell takes seven lines, the header one.
    assert "line 9 (r1): tc holds 'x'" in str(caught.value)
    assert "line 275 (r39)" in str(caught.value)
    assert "(r41)" not in str(caught.value)
    assert "; and 10 more" in str(caught.value)


def test_labels_of_a_folder_are_matched_like_cells(tmp_path: Path) -> None:
    for name in ("NaCl.cif", "none.cif"):
        (tmp_path / name).write_text(CIF)
    (tmp_path / "labels.csv").write_text("name;tc\nnacl;1,5\nnone;2,5\nmgo;-\n")
    labels = read_labels(tmp_path, ["tc"])
    assert [kind(item) for item in labels.items] == ["cif", "cif", "ItemError"]
    np.testing.assert_array_equal(labels.values["tc"], [1.5, 2.5, np.nan])


def test_archives_of_a_csv_and_cifs_name_what_they_leave_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("a.cif", CIF)
        archive.writestr("labels.csv", "id,tc\na,1\n")
        archive.writestr("plot.dat", b"\x89PNG\r\n")
    stream = open_inputs(tmp_path / "in.zip")
    assert ids(list(stream.items)) == ["in/a"]
    assert stream.log.n_ignored == 2
    assert dict(stream.log.ignored)["in.zip/plot.dat"] == "a PNG image"


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"\x28\xb5\x2f\xfd" + b"\0" * 20, "zstd-compressed.*unzstd"), (b"\x89PNG\r\n\x1a\n\0", "it is a PNG image")],
)
def test_content_of_another_kind_is_refused_for_what_it_is(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "a.cif").write_bytes(content)
    (item,) = read(tmp_path / "a.cif")
    assert isinstance(item.source, ItemError)
    assert re.search(why, item.source.message)
    assert "iconv" not in item.source.message


def test_structures_are_cells_or_texts() -> None:
    (item,) = read(JSON)
    assert isinstance(item.source, Cell)
