"""Measured properties of molecules from the tables of the package chemicals, by CAS number.

The tables are compilations with terms of their own: docs/data-provenance.md says which ones are used, and what is known
of their terms.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rdkit import Chem

from epitaxy_models.data.corpora.molecule_pool import MoleculePool, constitution_of

_ROOM_K, _ROOM_C = 298.15, 25.0
_IDENTIFIERS = ("chemical identifiers pubchem small.tsv", "chemical identifiers pubchem large.tsv")
Reading = Callable[[float], float | None]


def _between(low: float, high: float) -> Reading:
    return lambda value: value if low < value < high else None


def _scaled(factor: float, largest: float = math.inf) -> Reading:
    return lambda value: value / factor if -math.inf < value < largest else None


def _positive_scaled(factor: float, largest: float) -> Reading:
    return lambda value: value / factor if 0 < value < largest else None


_MELTING = _between(80, 750)
_BOILING = _between(80, 900)
_INDEX = _between(1.2, 2.2)
_PARTITION = _between(-6, 12)


@dataclass(frozen=True, slots=True)
class _Table:
    """One file and its columns: label, and how a number is read; ``is_open`` if its compiler dedicated it (CC0)."""

    path: str
    columns: Mapping[str, tuple[str, Reading]]
    is_open: bool = False


_HANSEN = {
    "HANSEN_DELTA_D": ("ex_hsd", _scaled(1000)),
    "HANSEN_DELTA_P": ("ex_hsp", _scaled(1000)),
    "HANSEN_DELTA_H": ("ex_hsh", _scaled(1000)),
}
_TABLES = (
    _Table("Phase Change/OpenNotebook Melting Points.tsv", {"Tm": ("ex_tm", _MELTING)}, is_open=True),
    _Table(
        "Misc/wikidata_properties.tsv",
        {
            "Tm": ("ex_tm", _MELTING),
            "Tb": ("ex_tb", _BOILING),
            "RI": ("ex_ri", _INDEX),
            "logP": ("ex_logp", _PARTITION),
            "T_flash": ("ex_flash", _between(150, 700)),
        },
        is_open=True,
    ),
    _Table("Phase Change/Yaws Boiling Points.tsv", {"Tb": ("ex_tb", _BOILING)}),
    _Table("Misc/CRC Handbook Organic RI.csv", {"RI": ("ex_ri", _INDEX)}),
    _Table("Environment/Syrres logP data.csv.gz", {"logP": ("ex_logp", _PARTITION)}),
    _Table("Environment/CRC logP table.tsv", {"logP": ("ex_logp", _PARTITION)}),
    _Table(
        "Critical Properties/Yaws Collection.tsv",
        {
            "Tc": ("ex_tc", _between(100, 1300)),
            "Vc": ("ex_logvc", lambda value: math.log(value * 1e6) if value > 0 else None),
        },
    ),
    *(
        _Table(f"Misc/{source}_hansen_solubility_parameters.tsv", _HANSEN)
        for source in ("alshehri", "hspipy", "ruben_manuel", "schrier")
    ),
    _Table(
        "Electrolytes/Permittivity (Dielectric Constant) of Liquids.tsv",
        {"Permittivity": ("ex_logeps", lambda value: math.log(value) if value > 1 else None)},
    ),
    _Table(
        "Phase Change/Ghazerati Appendix Vaporization Enthalpy.tsv",
        {"Hvap298": ("ex_hvap", _positive_scaled(1000, 3e5))},
    ),
    _Table(
        "Phase Change/Ghazerati Appendix Sublimation Enthalpy.tsv", {"Hsub": ("ex_hsub", _positive_scaled(1000, 4e5))}
    ),
    _Table("Phase Change/CRC Handbook Heat of Fusion.tsv", {"Hfus": ("ex_hfus", _positive_scaled(1000, 1.5e5))}),
    _Table(
        "Misc/Physical Constants of Organic Compounds.csv",
        {
            "Tm": ("ex_tm", _MELTING),
            "Tb": ("ex_tb", _BOILING),
            "RI": ("ex_ri", _INDEX),
            "rho": ("ex_rho", lambda value: value),
        },
    ),
)


def add_measured(pool: MoleculePool, folder: Path, *, only_open: bool = False) -> None:
    """Adds all molecules that the package in ``folder`` identifies, and what its tables say of them.

    ``only_open`` keeps to the tables that their compilers dedicated to the public (CC0).
    """
    by_cas = _identified(pool, folder)
    for table in _TABLES:
        if only_open and not table.is_open:
            continue
        for key, label, value in _values(table, folder, by_cas):
            pool.put(key, label, value)
    if only_open:
        return
    for key, label, value in _of_liquids(folder, by_cas):
        pool.put(key, label, value)
    for key, label, value in _heat_capacities(folder, by_cas):
        pool.put(key, label, value)


def _identified(pool: MoleculePool, folder: Path) -> dict[int, str]:
    """Constitutions by CAS number without hyphens."""
    by_cas: dict[int, str] = {}
    for name in _IDENTIFIERS:
        # By line feeds alone: names hold other line separators of Unicode.
        for line in (folder / "Identifiers" / name).read_text(encoding="utf8").strip("\n").split("\n"):
            fields = line.split("\t")
            key = constitution_of(fields[4])
            if key is not None:
                by_cas[int(fields[1].replace("-", ""))] = key
                pool.add(key)
    return by_cas


def _key(by_cas: Mapping[int, str], cas: object) -> str | None:
    try:
        return by_cas.get(int(str(cas).replace("-", "").split(".")[0]))
    except ValueError:
        return None


def _values(table: _Table, folder: Path, by_cas: Mapping[int, str]) -> Iterator[tuple[str | None, str, float | None]]:
    rows = pd.read_csv(folder / table.path, sep="\t", low_memory=False)
    for column, (label, read) in table.columns.items():
        numbers = pd.to_numeric(rows[column], errors="coerce")
        for cas, number in zip(rows["CAS"], numbers, strict=True):
            if np.isfinite(number):
                yield _key(by_cas, cas), label, read(float(number))


def _of_liquids(folder: Path, by_cas: Mapping[int, str]) -> Iterator[tuple[str | None, str, float | None]]:
    """Correlations at room temperature."""
    conductivity = "Thermal Conductivity"
    for path, label, evaluate in (
        (f"{conductivity}/VDI PPDS Thermal conductivity of saturated liquids.tsv", "ex_kliq", _vdi),
        (f"{conductivity}/Table 2-315 Thermal Conductivity of Inorganic and Organic Liquids.tsv", "ex_kliq", _perry),
        ("Interface/Jasper-Lange.tsv", "ex_sigma", lambda row: row.a - row.b * _ROOM_C),
    ):
        for row in pd.read_csv(folder / path, sep="\t").itertuples(index=False):
            value = evaluate(row)
            if value is not None:
                yield _key(by_cas, row.CAS), label, value


def _vdi(row: Any) -> float:
    t = _ROOM_K
    return float(row.A + row.B * t + row.C * t**2 + row.D * t**3 + row.E * t**4)


def _perry(row: Any) -> float | None:
    t = _ROOM_K
    if not row.Tmin <= 300 <= row.Tmax + 60:
        return None
    return float(row.C1 + row.C2 * t + row.C3 * t**2 + row.C4 * t**3 + row.C5 * t**4)


def _heat_capacities(folder: Path, by_cas: Mapping[int, str]) -> Iterator[tuple[str | None, str, float | None]]:
    """J/mol/K at 298 K, a share of each heavy atom."""
    path = folder / "Heat Capacity" / "CRC Standard Thermodynamic Properties of Chemical Substances.tsv"
    for row in pd.read_csv(path, sep="\t").itertuples(index=False):
        key = _key(by_cas, row.CAS)
        if key is not None:
            n_atoms = Chem.MolFromSmiles(key).GetNumAtoms()
            for column in ("Cps", "Cpl", "Cpg"):
                yield key, f"ex_{column.lower()}_atom", getattr(row, column) / n_atoms
