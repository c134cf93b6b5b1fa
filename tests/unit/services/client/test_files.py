import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epitaxy.client import InvalidRequestError, ItemError
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import Cell, InputItem, Text
from epitaxy.client.inputs.source import open_inputs

CRYSTAL = {"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": [11, 17], "frac": [[0, 0, 0], [0.5, 0.5, 0.5]]}
FRAME = '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\nNa 0 0 0\nCl 2 2 2\n'


def read(inputs: object) -> list[InputItem]:
    return list(open_inputs(inputs).items)


def refusal(item: InputItem) -> ItemError:
    assert isinstance(item.source, ItemError)
    return item.source


def kind(item: InputItem) -> str:
    assert isinstance(item.source, Text)
    return item.source.kind


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.cif", "cif"),
        ("A.CIF", "cif"),
        ("POSCAR", "poscar"),
        ("CONTCAR", "poscar"),
        ("POSCAR_NaCl", "poscar"),
        ("POSCAR.NaCl", "poscar"),
        ("a.vasp", "poscar"),
        ("a.poscar", "poscar"),
    ],
)
def test_text_files_go_as_text_of_their_kind(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).write_text("some text\n")
    (item,) = read(tmp_path / name)
    assert kind(item) == expected
    assert item.source.content == "some text\n"  # type: ignore[union-attr]


def test_a_folder_is_read_recursively_and_sorted_and_other_files_are_counted(tmp_path: Path) -> None:
    for name in ("b.cif", "a.cif", "sub/c.cif", "notes.txt", ".hidden/x.cif", "sub/table.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("data_")
    inventory = Inventory.of([tmp_path])
    assert [item.id for item in read(inventory)] == ["a", "b", "c"]
    assert inventory.n_ignored == 2


def test_files_of_one_stem_are_told_apart_by_their_path_below_the_folder(tmp_path: Path) -> None:
    for name in ("run1/POSCAR", "run2/POSCAR", "run2/NaCl.cif", "run2/NaCl.vasp", "run2/MgO.cif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("data_")
    ids = [item.id for item in read(tmp_path)]
    assert ids == ["run1/POSCAR", "MgO", "run2/NaCl.cif", "run2/NaCl.vasp", "run2/POSCAR"]


def test_files_of_one_path_below_two_folders_are_numbered(tmp_path: Path) -> None:
    for name in ("one/a.cif", "two/a.cif"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("data_")
    assert [item.id for item in read([tmp_path / "one", tmp_path / "two"])] == ["a.cif#1", "a.cif#2"]


def test_a_path_that_does_not_exist_is_a_mistake_of_the_request(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="no such file or folder"):
        open_inputs(tmp_path / "missing.cif")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_a_text_file_is_read_in_the_encodings_that_programs_write(tmp_path: Path, encoding: str) -> None:
    text = "data_\n_author 'M\xfcller'\n"
    (tmp_path / "a.cif").write_bytes(text.encode(encoding))
    (item,) = read(tmp_path)
    assert item.source == Text("cif", text)


@pytest.mark.parametrize("content", [b"data_\xff\0\1", b"\xff\xfed\0\0"], ids=["binary", "cut UTF-16"])
def test_a_file_that_is_no_text_is_refused_and_its_neighbours_are_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.cif").write_bytes(content)
    (tmp_path / "b.cif").write_text("data_")
    bad, good = read(tmp_path)
    assert refusal(bad).reason == "NOT_UTF8"
    assert "iconv" in refusal(bad).message
    assert kind(good) == "cif"


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.cif").symlink_to(tmp_path / "nowhere.cif")
    (item,) = read(tmp_path)
    assert refusal(item).reason == "UNREADABLE_FILE"
    assert "No such file" in refusal(item).message


def test_a_named_file_of_unknown_kind_is_refused_with_the_known_endings(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("data_")
    (item,) = read(tmp_path / "a.txt")
    assert refusal(item).reason == "UNKNOWN_FORMAT"
    assert ".cif" in refusal(item).message


def test_an_oversized_text_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_bytes(b"#" * (4 << 20))
    (item,) = read(tmp_path)
    assert refusal(item).reason == "TOO_LARGE"


def test_every_frame_of_an_xyz_file_is_an_input(tmp_path: Path) -> None:
    (tmp_path / "md.extxyz").write_text(FRAME * 3)
    (tmp_path / "one.xyz").write_text(FRAME + "\n\n")
    items = read(tmp_path)
    assert [item.id for item in items] == ["md/0", "md/1", "md/2", "one"]
    assert all(item.source == Text("extxyz", FRAME) for item in items)
    assert Inventory.of([tmp_path]).count() == 4


def test_an_xyz_file_that_goes_wrong_keeps_the_frames_before(tmp_path: Path) -> None:
    (tmp_path / "md.xyz").write_text(FRAME + "no number\n" + FRAME)
    first, second = read(tmp_path)
    assert first.source == Text("extxyz", FRAME)
    assert refusal(second).reason == "UNREADABLE"
    assert "no number" in refusal(second).message


def test_a_frame_that_claims_a_trillion_atoms_is_passed_on_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "md.xyz").write_text("1000000000000000000000\ncomment\nNa 0 0 0\n")
    (item,) = read(tmp_path)
    assert kind(item) == "extxyz"  # the server says that it is truncated


def test_json_files_hold_one_structure_or_several(tmp_path: Path) -> None:
    pymatgen = {"@class": "Structure", "lattice": {}, "sites": []}
    (tmp_path / "a.json").write_text(json.dumps(CRYSTAL))
    (tmp_path / "b.json").write_text(json.dumps(pymatgen))
    (tmp_path / "c.json").write_text(json.dumps([CRYSTAL, {"id": "mp-1", "structure": CRYSTAL}]))
    (tmp_path / "d.json").write_text("{broken")
    items = read(tmp_path)
    assert [item.id for item in items] == ["a", "b", "c/0", "mp-1", "d"]
    assert isinstance(items[0].source, Cell)
    assert json.loads(items[1].source.content) == pymatgen  # type: ignore[union-attr]
    assert refusal(items[4]).reason == "UNREADABLE"


def test_bad_rows_of_a_jsonl_file_are_refused_alone(tmp_path: Path) -> None:
    rows = [
        json.dumps({"material_id": "mp-1", "structure": CRYSTAL}).encode(),
        b"{broken",
        json.dumps(CRYSTAL).encode(),
        b'{"id": "\xff"}',
        b"",
        json.dumps({"id": 7, "structure": json.dumps(CRYSTAL)}).encode(),
        json.dumps({"id": "none", "structure": None}).encode(),
        b"[1, 2]",
        json.dumps({"id": "q", "structure": {**CRYSTAL, "species": ["Na", "Qq"]}}).encode(),
        json.dumps({"id": "short", "structure": {**CRYSTAL, "species": [11]}}).encode(),
    ]
    (tmp_path / "t.jsonl").write_bytes(b"\n".join(rows))
    items = read(tmp_path)
    reasons = [item.source.reason if isinstance(item.source, ItemError) else None for item in items]
    assert [item.id for item in items] == ["mp-1", "t/1", "t/2", "t/3", "7", "none", "t/7", "q", "short"]
    assert reasons == [
        None, "UNREADABLE", None, "NOT_UTF8", None, "NO_STRUCTURE", "UNREADABLE", "UNKNOWN_ELEMENT", "UNREADABLE",
    ]  # fmt: skip
    assert Inventory.of([tmp_path]).count() == len(items)


def write_parquet(path: Path, n_rows: int, **columns: list[object]) -> None:
    structures = [json.dumps(CRYSTAL)] * n_rows
    pq.write_table(pa.table({"structure": structures, **columns}), path)


def test_parquet_rows_take_their_id_from_the_first_known_column(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", 2, mp_id=["mp-1", None], formula=["NaCl", "NaCl"])
    items = read(tmp_path)
    assert [item.id for item in items] == ["mp-1", "t/1"]
    assert all(isinstance(item.source, Cell) for item in items)


def test_a_parquet_file_without_structures_is_one_refusal(tmp_path: Path) -> None:
    pq.write_table(pa.table({"formula": ["NaCl", "MgO"]}), tmp_path / "t.parquet")
    (item,) = read(tmp_path)
    assert refusal(item).reason == "NO_STRUCTURE_COLUMN"
    assert "formula" in refusal(item).message
    assert Inventory.of([tmp_path]).count() == 1


def test_a_damaged_parquet_file_is_one_refusal(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and nothing else")
    (item,) = read(tmp_path)
    assert refusal(item).reason == "UNREADABLE_FILE"


def test_parquet_is_read_as_it_is_consumed(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", 5000)
    items = open_inputs(tmp_path).items
    next(items)
    assert Inventory.of([tmp_path]).count() == 5000
    assert sum(1 for _ in items) == 4999


def test_the_fingerprint_changes_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text("data_")
    before = Inventory.of([tmp_path]).fingerprint()
    assert Inventory.of([tmp_path]).fingerprint() == before
    (tmp_path / "a.cif").write_text("data_2")
    assert Inventory.of([tmp_path]).fingerprint() != before


def test_the_output_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text("data_")
    write_parquet(tmp_path / "out.parquet", 1)
    assert len(Inventory.of([tmp_path], exclude=[tmp_path / "out.parquet"]).files) == 1
