"""Every local format to the same three crystals and labels."""

import gzip
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from epitaxy_models.data.sources import open_source
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures import Structure, structure_from_column

GAPS = {"nacl": 5.0, "kcl": 4.5, "licl": None}


def ase_atoms(crystal: Structure) -> Any:
    from ase import Atoms

    return Atoms(numbers=crystal.atomic_numbers, scaled_positions=crystal.frac_coords, cell=crystal.lattice, pbc=True)


def cif_of(crystal: Structure) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(pymatgen_of(crystal).to(fmt="cif"))


def pymatgen_of(crystal: Structure) -> Any:
    from pymatgen.core import Lattice
    from pymatgen.core import Structure as PymatgenStructure

    return PymatgenStructure(Lattice(crystal.lattice), crystal.atomic_numbers.tolist(), crystal.frac_coords)


def as_parquet(crystals: dict[str, Structure], columns: dict[str, Any], folder: Path) -> Path:
    frame = pd.DataFrame({"id": list(crystals), "gap_eV": [GAPS[name] for name in crystals]})
    frame["structure"] = [json.dumps(columns[name]) for name in crystals]
    frame.to_parquet(folder / "in.parquet")
    return folder / "in.parquet"


def as_json_lines(crystals: dict[str, Structure], columns: dict[str, Any], folder: Path) -> Path:
    with gzip.open(folder / "in.jsonl.gz", "wt") as file:
        for name in crystals:
            file.write(json.dumps({"id": name, "structure": columns[name], "gap_eV": GAPS[name]}) + "\n")
    return folder / "in.jsonl.gz"


def as_csv(crystals: dict[str, Structure], columns: dict[str, Any], folder: Path) -> Path:
    frame = pd.DataFrame({"material_id": list(crystals), "cif": [cif_of(one) for one in crystals.values()]})
    frame["gap_eV"] = [GAPS[name] for name in crystals]
    frame.to_csv(folder / "in.csv")
    return folder / "in.csv"


def as_cgcnn(crystals: dict[str, Structure], columns: dict[str, Any], folder: Path) -> Path:
    (folder / "cifs").mkdir()
    for name, crystal in crystals.items():
        (folder / "cifs" / f"{name}.cif").write_text(cif_of(crystal))
    (folder / "cifs" / "atom_init.json").write_text("{}")
    lines = [f"{name},{'' if GAPS[name] is None else GAPS[name]}" for name in crystals]
    (folder / "cifs" / "id_prop.csv").write_text("\n".join(lines) + "\n")
    return folder / "cifs"


def as_mat_deep_learn(crystals: dict[str, Structure], columns: dict[str, Any], folder: Path) -> Path:
    (folder / "raw").mkdir()
    for name, crystal in crystals.items():
        ase_atoms(crystal).write(folder / "raw" / f"{name}.vasp", format="vasp", direct=True)
    lines = ["name,gap_eV", *(f"{name},{'nan' if GAPS[name] is None else GAPS[name]}" for name in crystals)]
    (folder / "raw" / "targets.csv").write_text("\n".join(lines))
    return folder / "raw" / "targets.csv"


def as_ase_database(crystals: dict[str, Structure], columns: dict[str, Any], folder: Path) -> Path:
    return _ase_database(crystals, folder / "in.db")


def as_ase_json(crystals: dict[str, Structure], columns: dict[str, Any], folder: Path) -> Path:
    return _ase_database(crystals, folder / "in.json")


def _ase_database(crystals: dict[str, Structure], path: Path) -> Path:
    from ase.db import connect

    with connect(path) as database:
        for name, crystal in crystals.items():
            labels = {} if GAPS[name] is None else {"gap_eV": GAPS[name]}
            database.write(ase_atoms(crystal), material_id=name, **labels)
    return path


def as_extended_xyz(crystals: dict[str, Structure], columns: dict[str, Any], folder: Path) -> Path:
    from ase.io import write

    frames = []
    for name, crystal in crystals.items():
        atoms = ase_atoms(crystal)
        atoms.info = {"name": name} | ({} if GAPS[name] is None else {"gap_eV": GAPS[name]})
        frames.append(atoms)
    write(folder / "in.extxyz", frames, format="extxyz")
    return folder / "in.extxyz"


def as_matbench(crystals: dict[str, Structure], columns: dict[str, Any], folder: Path) -> Path:
    data = [[pymatgen_of(crystal).as_dict(), GAPS[name]] for name, crystal in crystals.items()]
    frame = {"index": list(crystals), "columns": ["structure", "gap_eV"], "data": data}
    with gzip.open(folder / "in.json.gz", "wt") as file:
        json.dump(frame, file, default=str)
    return folder / "in.json.gz"


@pytest.mark.parametrize(
    ("write", "label"),
    [
        (as_parquet, "gap_eV"),
        (as_json_lines, "gap_eV"),
        (as_csv, "gap_eV"),
        (as_cgcnn, "target_eV"),
        (as_mat_deep_learn, "gap_eV"),
        (as_ase_database, "gap_eV"),
        (as_ase_json, "gap_eV"),
        (as_extended_xyz, "gap_eV"),
        (as_matbench, "gap_eV"),
    ],
)
def test_every_format_gives_the_same_table(
    write: Callable[..., Path],
    label: str,
    crystals: dict[str, Structure],
    columns: dict[str, Any],
    convert_path: Callable[..., Any],
    tmp_path: Path,
) -> None:
    path = write(crystals, columns, tmp_path)
    rows, provenance = convert_path(path, units={"target": "eV"} if label == "target_eV" else {})
    assert (provenance.n_read, provenance.n_kept, provenance.refused) == (3, 3, {})
    assert provenance.n_null == {label: 1}
    assert {row["id"]: row[label] for row in rows} == GAPS
    assert {row["id"]: row["formula"] for row in rows} == {"nacl": "ClNa", "kcl": "ClK", "licl": "ClLi"}
    for row in rows:
        found, meant = structure_from_column(row["structure"]), crystals[row["id"]]
        assert sorted(found.atomic_numbers) == sorted(meant.atomic_numbers)
        assert found.volume == pytest.approx(meant.volume, rel=1e-5)
        np.testing.assert_allclose(np.ptp(found.frac_coords, axis=0), 0.5, atol=1e-6)


def test_a_table_converts_to_itself(
    crystals: dict[str, Structure], columns: dict[str, Any], convert_path: Callable[..., Any], tmp_path: Path
) -> None:
    once, _ = convert_path(as_parquet(crystals, columns, tmp_path))
    again, provenance = convert_path(tmp_path / "out.parquet")
    assert again == once
    assert provenance.dropped_columns == ()


def test_files_and_rows_of_a_folder_that_do_not_match_are_refused_and_counted(
    crystals: dict[str, Structure], columns: dict[str, Any], convert_path: Callable[..., Any], tmp_path: Path
) -> None:
    folder = as_cgcnn(crystals, columns, tmp_path)
    (folder / "kcl.cif").rename(folder / "kbr.cif")
    rows, provenance = convert_path(folder, units={"target": "eV"})
    assert [row["id"] for row in rows] == ["nacl", "licl"]
    assert provenance.refused == {"MISSING_FILE": 1, "NOT_LISTED": 1}
    assert provenance.n_read == 4


def test_ase_energies_are_in_ev(crystals: dict[str, Structure], tmp_path: Path) -> None:
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.db import connect

    atoms = ase_atoms(crystals["nacl"])
    atoms.calc = SinglePointCalculator(atoms, energy=-6.8)
    with connect(tmp_path / "in.db") as database:
        database.write(atoms)
    source = open_source(tmp_path / "in.db")
    assert source.columns.numeric == ("energy",)
    assert source.columns.known_units is not None
    assert source.columns.known_units["energy"] == "eV"


def test_pickles_are_refused_without_being_opened(tmp_path: Path) -> None:
    for name in ("frame.pkl", "frame.csv", "frame.pickle.gz"):
        (tmp_path / name).write_bytes(b"\x80\x04\x95not even a pickle")
        with pytest.raises(ConfigurationError, match="is a pickle, which can run any code"):
            open_source(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"PAR1 no more", "is no Parquet file"),
        ("a.jsonl", b'{"structure": ', "line 1 of a.jsonl is no JSON"),
        ("a.jsonl", b"[1, 2]\n", "line 1 of a.jsonl is no JSON object"),
        ("a.jsonl", b'{"id": "a", "gap_eV": 1}\n', "--structure-column"),
        ("a.csv", b"id,gap_eV\na,1\n", "--structure-column"),
        ("a.csv", b"id,cif\na,b,c\n", "more fields than the header names"),
        ("a.json", b'{"columns": ["structure"]}', "is no data frame"),
        ("a.json", b'{"columns": ["structure", "gap_eV"], "data": [[1]]}', "row 1 of a.json has not the 2 columns"),
        ("a.json.gz", b"\x1f\x8b\x08cut", "is no JSON"),
        ("a.db", b"no database at all, but long enough to be one", "is no ASE database"),
        ("a.extxyz", b"2\n\nNa 0 0 0\n", ""),
        ("a.extxyz", b"Na 0 0 0\n", "must be the number of atoms"),
        ("a.xlsx", b"PK", "no ending that is read here"),
    ],
)
def test_bad_files_are_named_with_a_remedy(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    if not message:  # a frame cut off is refused as a row
        assert open_source(tmp_path / name).n_rows == 1
        return
    with pytest.raises(ConfigurationError, match=message):
        open_source(tmp_path / name)


def test_a_folder_without_targets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"neither id_prop\.csv nor targets\.csv"):
        open_source(tmp_path)
