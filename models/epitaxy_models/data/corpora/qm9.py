"""QM9 as the package qm9pack has it: B3LYP/6-31G(2df,p) of 130,831 molecules (Ramakrishnan et al. 2014)."""

import ast
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.data.corpora.molecule_pool import MoleculePool, constitution_of

_HARTREE_EV = 27.211386
# Boltzmann's constant, 1/cm/K.
_BOLTZMANN_CM = 0.695034800
_ELEMENTS = ("C", "H", "N", "O", "F")
# Lower ends of bins of wave numbers, and the end of the last, 1/cm.
_BINS = (0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1900, 2500, 3200, 4500)
_TEMPERATURES = (150, 300, 500, 800)
# Below it a wave number is noise of the calculation, 1/cm.
_LOWEST = 10
# GHz. Of linear molecules, the first constant is without bounds.
_LARGEST_ROTATION = 1e4
_PARTS = ("qm9_part1.csv", "qm9_part2.csv", "qm9_part3.csv")
_COLUMNS = (
    *("SMILES", "N_atoms", "Elements", "Harmonic_Freq_cmi", "RotA_GHz", "RotB_GHz", "RotC_GHz", "Dipole_debye"),
    *("Polarizability_bohr3", "HOMO_au", "LUMO_au", "HOMO_LUMO_gap_au", "R2_bohr2", "ZPVE_au"),
    *("InternalEnergy_0K_au", "Heatcapacity_Cv_cal_mol_K"),
)


def add_qm9(pool: MoleculePool, folder: Path, on_row: Callable[[], None] = lambda: None) -> None:
    """Adds all molecules of the package in ``folder``. Extensive labels are shares of a heavy atom."""
    parts = [pd.read_csv(folder / "data" / part, usecols=list(_COLUMNS)) for part in _PARTS]
    table = pd.concat(parts, ignore_index=True)
    counts = np.array([[found.count(one) for one in _ELEMENTS] for found in map(ast.literal_eval, table["Elements"])])
    binding = _less_elements(table["InternalEnergy_0K_au"].to_numpy() * _HARTREE_EV, counts.astype(float))
    rows: Iterable[Any] = table.itertuples(index=False)
    for row, n_hydrogens, energy in zip(rows, counts[:, 1], binding, strict=True):
        on_row()
        key = constitution_of(row.SMILES)
        if key is not None:
            _add(pool, key, row, row.N_atoms - int(n_hydrogens), float(energy))


def _less_elements(energies: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energies less a sum over the atoms that fits them best, eV, ``[n_molecules]``."""
    coefficients, *_ = np.linalg.lstsq(counts, energies, rcond=None)
    return np.asarray(energies - counts @ coefficients)


def _add(pool: MoleculePool, key: str, row: Any, n_heavy: int, binding: float) -> None:
    waves = np.array([float(text) for text in row.Harmonic_Freq_cmi.strip("[]").split(",")])
    waves = waves[waves > _LOWEST]
    labels = {
        "qm_homo": row.HOMO_au * _HARTREE_EV,
        "qm_lumo": row.LUMO_au * _HARTREE_EV,
        "qm_gap": row.HOMO_LUMO_gap_au * _HARTREE_EV,
        "qm_dipole": row.Dipole_debye,
        "qm_alpha_atom": row.Polarizability_bohr3 / n_heavy,
        "qm_r2_atom": np.log(row.R2_bohr2 / n_heavy),
        "qm_zpve_atom": row.ZPVE_au * _HARTREE_EV / n_heavy,
        "qm_bind_atom": binding / n_heavy,
        "qm_cv_atom": row.Heatcapacity_Cv_cal_mol_K / n_heavy,
        "qm_soft": np.log(waves.min()) if len(waves) else None,
    }
    labels |= {f"qm_cvvib{t}_atom": _heat_capacity(waves, t) / n_heavy for t in _TEMPERATURES}
    modes = np.histogram(waves, _BINS)[0]
    labels |= {f"qm_vib{start}_atom": count / n_heavy for start, count in zip(_BINS, modes, strict=False)}
    if row.RotC_GHz > 0 and row.RotA_GHz > 0:
        labels["qm_shape1"] = np.log(row.RotA_GHz / row.RotB_GHz) if row.RotA_GHz < _LARGEST_ROTATION else None
        labels["qm_shape2"] = np.log(max(row.RotB_GHz / row.RotC_GHz, 1e-3))
    for name, value in labels.items():
        pool.put(key, name, value)


def _heat_capacity(waves: NDArray[np.float64], temperature: float) -> float:
    """Heat capacity of harmonic modes (Einstein), in units of Boltzmann's constant."""
    x = waves / (_BOLTZMANN_CM * temperature)
    factor = np.exp(-x)
    return float((x * x * factor / (1 - factor) ** 2).sum())
