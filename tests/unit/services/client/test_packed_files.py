"""Packed files, archives, several blocks and embedded reflections, as the client takes them apart."""

import bz2
import gzip
import io
import lzma
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from epitaxy.client import ItemError
from epitaxy.client.inputs import archives
from epitaxy.client.inputs.cif_text import structure_part, structures_of
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import InputItem, Text
from epitaxy.client.inputs.source import open_inputs
from epitaxy_models.structures import TextFormat, read_text
from epitaxy_models.structures.cif_embedded import structure_part as structure_part_of_models

POSCAR = "NaCl\n1.0\n0 2.82 2.82\n2.82 0 2.82\n2.82 2.82 0\nNa Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
FRAME = '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\nNa 0 0 0\nCl 2 2 2\n'


def block(name: str, edge: float = 5.64, extra: str = "") -> str:
    return (
        f"data_{name}\n_cell_length_a {edge}\n_cell_length_b {edge}\n_cell_length_c {edge}\n"
        f"_symmetry_Int_Tables_number 225\n{extra}loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n"
        "_atom_site_fract_z\nNa1 0 0 0\nCl1 .5 .5 .5\n"
    )


def read(path: Path) -> list[InputItem]:
    return list(open_inputs(path).items)


def texts(items: list[InputItem]) -> dict[str, str]:
    assert all(isinstance(item.source, Text) for item in items), items
    return {item.id: item.source.content for item in items}  # type: ignore[union-attr]


def refusal(item: InputItem) -> ItemError:
    assert isinstance(item.source, ItemError)
    return item.source


@pytest.mark.parametrize(
    ("ending", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
    ids=["gz", "bz2", "xz"],
)
@pytest.mark.parametrize(
    ("name", "content", "ids"),
    [
        ("a.cif", block("x"), ["a"]),
        ("POSCAR", POSCAR, ["POSCAR"]),
        ("CONTCAR.NaCl", POSCAR, ["CONTCAR.NaCl"]),
        ("a.vasp", POSCAR, ["a"]),
        ("md.extxyz", FRAME * 2, ["md/0", "md/1"]),
        ("a.jsonl", '{"lattice": [[4,0,0],[0,4,0],[0,0,4]], "species": [11], "frac": [[0,0,0]]}\n', ["a/0"]),
    ],
)
def test_packed_files_are_read_like_plain_ones(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes], name: str, content: str, ids: list[str]
) -> None:
    (tmp_path / name).write_text(content)
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / f"{name}{ending}").write_bytes(pack(content.encode()))
    plain, packed = read(tmp_path / name), read(tmp_path / "packed")
    assert [item.id for item in plain] == [item.id for item in packed] == ids
    if isinstance(plain[0].source, Text):
        assert texts(plain) == texts(packed)
    assert Inventory.of([tmp_path / "packed"]).count() == len(ids)


def test_a_packed_file_without_its_ending_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "CONTCAR").write_bytes(gzip.compress(POSCAR.encode()))
    assert texts(read(tmp_path / "CONTCAR")) == {"CONTCAR": POSCAR}


def test_a_packed_file_that_breaks_off_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.cif.gz").write_bytes(gzip.compress(block("x").encode())[:-12])
    (item,) = read(tmp_path / "a.cif.gz")
    assert refusal(item).reason == "UNREADABLE_FILE"
    assert "a.cif.gz" in refusal(item).message


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "POSCAR.gz", "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write(b"0" * (1 << 20))
    (item,) = read(tmp_path / "POSCAR.gz")
    assert refusal(item).reason == "TOO_LARGE"


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


FILES = {
    "run/a.cif": block("x").encode(),
    "run/b.cif": (block("one") + block("two")).encode(),
    "POSCAR.gz": gzip.compress(POSCAR.encode()),
    "readme.txt": b"nothing",
    "__MACOSX/run/._a.cif": b"\0",
    ".hidden/c.cif": block("x").encode(),
    "../../outside.cif": block("x").encode(),
}


@pytest.mark.parametrize(("name", "write"), [("in.zip", write_zip), ("in.tar", write_tar), ("in.tar.gz", write_tar)])
def test_archives_are_read_member_by_member_and_nothing_is_written(
    tmp_path: Path, name: str, write: Callable[..., Path]
) -> None:
    path = write(tmp_path / name, FILES)
    items = read(path)
    assert [item.id for item in items] == ["in/run/a", "in/run/b#one", "in/run/b#two", "in/POSCAR"]
    assert texts(items)["in/POSCAR"] == POSCAR
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert not (tmp_path.parent / "outside.cif").exists()


def test_an_archive_in_a_folder_is_an_input_too(tmp_path: Path) -> None:
    write_zip(tmp_path / "in.zip", {"a.cif": block("x").encode()})
    (tmp_path / "b.cif").write_text(block("y"))
    assert [item.id for item in read(tmp_path)] == ["b", "in/a"]


def test_archives_without_structures_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    (empty,) = read(write_zip(tmp_path / "empty.zip", {"readme.txt": b"x"}))
    assert refusal(empty).reason == "EMPTY_STRUCTURE"
    (tmp_path / "cut.tar.gz").write_bytes(write_tar(tmp_path / "whole.tar.gz", FILES).read_bytes()[:200])
    assert refusal(read(tmp_path / "cut.tar.gz")[-1]).reason == "UNREADABLE_FILE"
    (tmp_path / "no.zip").write_bytes(b"PK nonsense")
    assert refusal(read(tmp_path / "no.zip")[0]).reason == "UNREADABLE_FILE"


def test_an_archive_that_unpacks_to_too_much_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "bomb.zip", {f"{at}.cif": block("x").encode() for at in range(20)})
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 2_000)
    items = read(path)
    assert len(items) < 20
    assert refusal(items[-1]).reason == "UNREADABLE_FILE"
    assert "unpack it" in refusal(items[-1]).message


def test_a_member_that_unpacks_to_gigabytes_is_refused_and_its_neighbours_are_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", {"POSCAR": b"0" * (80 << 20), "a.cif": block("x").encode()})
    big, good = read(path)
    assert refusal(big).reason == "TOO_LARGE"
    assert good.id == "in/a"


def test_every_block_with_atoms_is_an_input_and_others_go_with_the_first(tmp_path: Path) -> None:
    content = f"data_global\n_journal_year 2020\n{block('NaCl')}\n{block('KCl', 6.29)}{block('NaCl', 5.7)}"
    (tmp_path / "icsd.cif").write_text(content)
    found = texts(read(tmp_path / "icsd.cif"))
    assert list(found) == ["icsd#NaCl", "icsd#KCl", "icsd#NaCl#2"]
    intakes = [read_text(text, TextFormat.CIF) for text in found.values()]
    assert [round(one.structure.volume ** (1 / 3), 2) for one in intakes] == [5.64, 6.29, 5.7]
    assert [[note.code for note in one.notes] for one in intakes] == [["IGNORED_BLOCKS"], [], []]
    assert all(one.repairs == () for one in intakes)


def test_one_block_with_atoms_goes_whole_under_the_name_of_its_file(tmp_path: Path) -> None:
    content = f"data_global\n_journal_year 2020\n{block('x')}"
    (tmp_path / "a.cif").write_text(content)
    assert texts(read(tmp_path / "a.cif")) == {"a": content}


def test_heads_of_blocks_inside_of_text_fields_are_text() -> None:
    content = block("x", extra="_shelx_res_file\n;\ndata_y\n_atom_site_fract_x\n;\n") + block("z", 6.0)
    assert [name for name, _ in structures_of(content)] == ["x", "z"]


REFLECTIONS = "".join(f"   1   2   3{row % 977:8.2f}{row % 13:8.2f}   1\n" for row in range(110_000))


@pytest.mark.parametrize(
    "embedded",
    [
        f"_shelx_hkl_file\n;\n{REFLECTIONS};\n",
        "loop_\n_refln_index_h\n_refln_index_k\n_refln_index_l\n_refln_F_meas\n_refln_F_sigma\n_refln_status\n"
        + REFLECTIONS,
        f"loop_ _pd_meas_2theta_scan _pd_meas_counts_total _a _b _c _d\n{REFLECTIONS}",
    ],
    ids=["shelx", "refln", "powder"],
)
def test_embedded_reflections_do_not_count_against_the_limit(tmp_path: Path, embedded: str) -> None:
    content = block("x") + embedded + "_cell_measurement_temperature 293\n"
    assert len(content) > 3 << 20
    (tmp_path / "a.cif").write_text(content)
    (text,) = texts(read(tmp_path / "a.cif")).values()
    assert len(text) < 10_000
    assert "_cell_measurement_temperature 293" in text
    assert read_text(text, TextFormat.CIF).structure.n_sites == 8
    longer = content.replace(REFLECTIONS, REFLECTIONS * 2)
    direct = read_text(longer, TextFormat.CIF)
    assert direct.structure.n_sites == 8
    assert [note.code for note in direct.notes] == ["IGNORED_EMBEDDED_DATA"]


def test_a_structure_over_the_limit_is_still_refused(tmp_path: Path) -> None:
    rows = "".join(f"C{at} .1 .2 .{at:07d}\n" for at in range(200_000))
    (tmp_path / "a.cif").write_text(block("x") + rows)
    (item,) = read(tmp_path / "a.cif")
    assert refusal(item).reason == "TOO_LARGE"


@pytest.mark.parametrize(
    "unit", ["\n", " ", "data_", "data_\n", ";\n", "loop_\n", "_a\n", "\n\t", "_atom_site_fract_x\n"]
)
def test_texts_made_to_stall_are_taken_apart_soon(unit: str) -> None:
    text = (unit * (2_000_000 // len(unit)))[:2_000_000]
    begin = time.process_time()
    assert structures_of(f"data_a\n{text}")
    assert structure_part(text)
    assert time.process_time() - begin < 20


@pytest.mark.parametrize("text", [block("x"), REFLECTIONS, f"data_x\n_long\n;\n{REFLECTIONS};\n_b 1\n", "", ";\n_a\n"])
def test_client_and_server_cut_the_same_part(text: str) -> None:
    assert structure_part(text) == structure_part_of_models(text).text


def test_ignored_files_are_named_with_why(tmp_path: Path) -> None:
    for name in ("a.cif", "OUTCAR", "notes.txt", "sub/plot.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(block("x"))
    inventory = Inventory.of([tmp_path])
    assert inventory.n_ignored == 3
    assert dict(inventory.ignored) == {"OUTCAR": "no ending", "notes.txt": "ending .txt", "sub/plot.png": "ending .png"}
    assert inventory.ignored_lines(2) == [
        "3 other files",
        "OUTCAR (no ending)",
        "notes.txt (ending .txt)",
        "and 1 more",
    ]
