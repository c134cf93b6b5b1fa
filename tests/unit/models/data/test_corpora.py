"""The tables that the shipped substrates were trained on, built from data packages and tables of the same shape."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epitaxy_models.data.corpora import measured, qm9
from epitaxy_models.data.corpora.compositions import CompositionSources, build_compositions, crystal_substrate
from epitaxy_models.data.corpora.molecule_pool import constitution_of
from epitaxy_models.data.corpora.molecules import MoleculeSources, build_molecules
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures import structure_from_column, structure_to_column
from epitaxy_models.training.composition_tasks import COMPOSITION_TASKS
from epitaxy_models.training.molecule_tasks import MOLECULE_TASKS

_MEASURED = {
    "Phase Change/OpenNotebook Melting Points.tsv": [("64-17-5", {"Tm": 159.0}), ("71-43-2", {"Tm": 5.0})],
    "Misc/wikidata_properties.tsv": [("64-17-5", {"Tm": 161.0, "RI": 1.36})],
    "Phase Change/Yaws Boiling Points.tsv": [("71-43-2", {"Tb": 353.2}), ("50-00-0", {"Tb": 254.0})],
}


def _write_qm9(folder: Path) -> None:
    """Methane and water, with frequencies as text."""
    (folder / "data").mkdir(parents=True)
    shared = {"RotA_GHz": 157.7, "RotB_GHz": 157.7, "RotC_GHz": 157.7, "Dipole_debye": 0.0, "R2_bohr2": 35.4}
    energies = {"HOMO_au": -0.388, "LUMO_au": 0.117, "HOMO_LUMO_gap_au": 0.505, "ZPVE_au": 0.045}
    rest = {"Polarizability_bohr3": 13.2, "InternalEnergy_0K_au": -40.5, "Heatcapacity_Cv_cal_mol_K": 6.5}
    for part, smiles, elements, waves in (
        (1, "C", ["C", "H", "H", "H", "H"], "[1341.3,1341.3,5.0]"),
        (2, "O", ["O", "H", "H"], "[1671.4,3803.6]"),
        (3, "CC", ["C", "C", *"HHHHHH"], "[300.1]"),
    ):
        row = {"SMILES": smiles, "N_atoms": len(elements), "Elements": str(elements), "Harmonic_Freq_cmi": waves}
        pd.DataFrame([row | shared | energies | rest]).to_csv(folder / "data" / f"qm9_part{part}.csv", index=False)


def _write_chemicals(folder: Path) -> None:
    """Ethanol, benzene and formaldehyde; tables without rows where a test needs none."""
    (folder / "Identifiers").mkdir(parents=True)
    lines = [f"1\t{cas}\tx\t1.0\t{smiles}\tx\n" for cas, smiles in (("64-17-5", "CCO"), ("71-43-2", "c1ccccc1"))]
    (folder / "Identifiers" / "chemical identifiers pubchem small.tsv").write_text("".join(lines))
    large = "2\t50-00-0\tx\t1.0\tC=O\tx\u2028y\n3\t7647-14-5\tx\t1.0\t[Na+].[Cl-]\tx\n"
    (folder / "Identifiers" / "chemical identifiers pubchem large.tsv").write_text(large)
    tables = {table.path: list(table.columns) for table in measured._TABLES}
    liquid = "Thermal Conductivity/"
    tables[f"{liquid}VDI PPDS Thermal conductivity of saturated liquids.tsv"] = ["A", "B", "C", "D", "E"]
    perry = ["C1", "C2", "C3", "C4", "C5", "Tmin", "Tmax"]
    tables[f"{liquid}Table 2-315 Thermal Conductivity of Inorganic and Organic Liquids.tsv"] = perry
    tables["Interface/Jasper-Lange.tsv"] = ["a", "b"]
    tables["Heat Capacity/CRC Standard Thermodynamic Properties of Chemical Substances.tsv"] = ["Cps", "Cpl", "Cpg"]
    for path, columns in tables.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        rows = [{"CAS": cas, **values} for cas, values in _MEASURED.get(path, [])]
        pd.DataFrame(rows, columns=["CAS", *columns]).to_csv(folder / path, sep="\t", index=False)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    _write_qm9(tmp_path / "qm9pack")
    _write_chemicals(tmp_path / "chemicals")
    (tmp_path / "moses" / "dataset" / "data").mkdir(parents=True)
    pd.DataFrame({"SMILES": ["CCN", "CC(=O)O"]}).to_csv(tmp_path / "moses/dataset/data/train.csv.gz", index=False)
    return tmp_path


def test_molecules_come_together_with_the_labels_of_all_sources(packages: Path) -> None:
    pd.DataFrame({"smiles": ["OCC", "CSC"], "pce_pct": [3.0, 4.0]}).to_parquet(packages / "cep.parquet")
    pd.DataFrame({"smiles": ["C=O", "NCC"]}).to_parquet(packages / "targets.parquet")
    sources = MoleculeSources(packages / "cep.parquet", (packages / "targets.parquet",), packages)
    said: list[str] = []
    table = build_molecules(sources, on_step=said.append).set_index("smiles")
    assert set(table.index) == {"CCO", "CSC", "C", "O", "CC", "CC(=O)O", "c1ccccc1"}
    assert "2 left out, which are in targets.parquet" in said
    assert table["formula"].tolist() == table.index.tolist()
    ethanol = table.loc["CCO"]
    assert ethanol["cep_pce_pct"] == 3.0
    assert ethanol["ex_tm_K"] == 160.0, "the median of 159 and 161"
    assert np.isnan(table.loc["c1ccccc1", "ex_tm_K"]), "5 K cannot be"
    assert table.loc["c1ccccc1", "ex_tb_K"] == pytest.approx(353.2)
    assert table.loc["C", "qm_homo_eV"] == pytest.approx(-0.388 * 27.211386)
    # One heavy atom; the wave number of 5 is noise.
    assert table.loc["C", "qm_vib1200_atom_1"] == 2.0
    assert table.loc["C", "qm_soft_1"] == pytest.approx(np.log(1341.3))
    assert np.isfinite(table.loc["c1ccccc1", "rdkit_partition_1"])
    computed = {task.column for task in MOLECULE_TASKS if task.column.startswith("rdkit_")}
    assert computed <= set(table)


def test_only_tables_that_are_free_are_read_where_that_is_wanted(packages: Path) -> None:
    table = build_molecules(MoleculeSources(packages=packages, measured="open")).set_index("smiles")
    assert table.loc["CCO", "ex_tm_K"] == 160.0
    assert "ex_tb_K" not in table
    without = build_molecules(MoleculeSources(packages=packages, measured="none")).set_index("smiles")
    assert not [name for name in without if name.startswith("ex_")]
    assert "c1ccccc1" not in without.index
    with pytest.raises(ConfigurationError, match=r"there is no package qm9pack: pip install --target"):
        build_molecules(MoleculeSources(packages=packages / "chemicals"))


def test_the_pool_takes_single_closed_shell_molecules() -> None:
    assert constitution_of("C[C@H](N)C(=O)O") == constitution_of("OC(=O)C(N)C") == "CC(N)C(=O)O"
    assert constitution_of("[13CH3]O") == constitution_of("OC")
    for text in ("[Na+].[Cl-]", "C[CH2]", "[U]", "C" * 61, "nonsense", None):
        assert constitution_of(text) is None
    # Einstein's heat capacity reaches one a mode where it is hot.
    assert qm9._heat_capacity(np.array([100.0, 200.0]), 1e5) == pytest.approx(2.0, abs=1e-4)


def test_compositions_foretell_the_crystal_substrate(tmp_path: Path) -> None:
    crystals = [one for one in bundled_crystals() if one.structure.n_sites <= 4][:6]
    rows = pd.DataFrame(
        {
            "structure": [structure_to_column(one.structure) for one in crystals],
            "formula": [one.structure.reduced_formula for one in crystals],
            "nsites": [one.structure.n_sites for one in crystals],
        }
    )
    for task in COMPOSITION_TASKS:
        if task.column not in rows and not task.column.startswith(("direction_", "log10_bulk", "band_gap_hse")):
            rows[task.column] = np.linspace(-1.0, 0.0, len(rows))
    rows.to_parquet(tmp_path / "crystals.parquet")
    pd.DataFrame({"composition": ["Fe1"], "log10_k_vrh_GPa": [2.3]}).to_parquet(tmp_path / "moduli.parquet")
    pd.DataFrame({"composition": [crystals[0].structure.reduced_formula]}).to_parquet(tmp_path / "targets.parquet")
    sources = CompositionSources(
        tmp_path / "crystals.parquet",
        tmp_path / "moduli.parquet",
        leave_out=(tmp_path / "targets.parquet",),
        n_directions=5,
    )
    table = build_compositions(sources, crystal_substrate).set_index("formula")
    assert crystals[0].structure.reduced_formula not in table.index
    # Six points lie in five directions: distances are those of the embeddings.
    kept = rows.drop_duplicates("formula").iloc[1:3]
    names = [f"direction_{place}_1" for place in range(5)]
    first, second = table.loc[kept["formula"], names].to_numpy()
    substrate = crystal_substrate()
    graphs = [build_graph(structure_from_column(text)) for text in kept["structure"]]
    one, other = substrate.embed(graphs).reshape(2, -1)
    assert np.linalg.norm(first - second) == pytest.approx(np.linalg.norm(one - other), rel=0.01)
