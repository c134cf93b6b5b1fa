"""A label belongs to one structure: files and cells that hold several are refused; packed files are read."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epitaxy_models.data.sources import open_source
from epitaxy_models.data.sources.structure_value import read_structure_value
from epitaxy_models.errors import InvalidStructureError

FRAME = '1\nLattice="3 0 0 0 3 0 0 0 3"\nPo 0 0 0\n'


def block(name: str, edge: float = 5.64) -> str:
    return (
        f"data_{name}\n_cell_length_a {edge}\n_cell_length_b {edge}\n_cell_length_c {edge}\n"
        "_symmetry_Int_Tables_number 225\nloop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n"
        "_atom_site_fract_z\nNa1 0 0 0\nCl1 .5 .5 .5\n"
    )


@pytest.mark.parametrize("cell", [block("a") + block("b", 6.0), FRAME * 2], ids=["cif", "extxyz"])
def test_a_cell_with_several_structures_is_refused(cell: str) -> None:
    with pytest.raises(InvalidStructureError, match="several structures") as error:
        read_structure_value(cell)
    assert error.value.reason == "SEVERAL_STRUCTURES"


def test_a_cell_with_one_structure_and_publication_data_is_read() -> None:
    intake = read_structure_value(f"data_global\n_journal_year 2020\n{block('a')}")
    assert [note.code for note in intake.notes] == ["IGNORED_BLOCKS"]


def test_a_folder_of_packed_files_magnetic_cifs_and_vasp_names_is_read(tmp_path: Path) -> None:
    poscar = "x\n1\n3 0 0\n0 3 0\n0 0 3\nPo\n1\nDirect\n0 0 0\n"
    (tmp_path / "a.cif.gz").write_bytes(gzip.compress(block("a").encode()))
    (tmp_path / "b.mcif").write_text(block("b"))
    (tmp_path / "POSCAR_c.gz").write_bytes(gzip.compress(poscar.encode()))
    (tmp_path / "d.cif").write_text(block("a") + block("b"))
    (tmp_path / "e.cif.gz").write_bytes(gzip.compress(block("a").encode())[:-9])
    (tmp_path / "id_prop.csv").write_text("a,1\nb,2\nPOSCAR_c,3\nd,4\ne,5\n")
    outcomes: dict[str, Any] = {}
    for row in open_source(tmp_path).rows():
        outcomes[row.id] = _outcome(row.read)
    assert outcomes == {"a": 8, "b": 8, "POSCAR_c": 1, "d": "SEVERAL_STRUCTURES", "e": "UNREADABLE"}


def _outcome(read: Callable[[], Any]) -> int | str:
    try:
        return int(read().structure.n_sites)
    except InvalidStructureError as error:
        return error.reason
