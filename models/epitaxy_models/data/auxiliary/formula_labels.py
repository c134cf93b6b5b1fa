"""Labels by formula for the substrate of compositions, from a table of crystals.

Run as ``python -m epitaxy_models.data.auxiliary.formula_labels --crystals FILE --moduli FILE [--gaps FILE]
[--leave-out FILE ...] --out FILE``. ``--crystals`` is what ``make auxiliary-labels`` writes.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.compositions import read_composition
from epitaxy_models.errors import InvalidMaterialError

_ENERGIES = ("formation_energy_mp2018_eV_atom", "formation_energy_mp2021_eV_atom")
_LOWEST = (*_ENERGIES, "e_above_hull_mp2021_eV_atom")
_GAPS = ("band_gap_pbe_mp2018_eV", "band_gap_pbe_mp2021_eV", "band_gap_pbe_mp2020_eV", "band_gap_pbe_mp2022_eV")
_GEOMETRY = (
    "log_volume_per_atom_1",
    "packing_fraction_1",
    "log_density_1",
    "coordination_mean_1",
    "coordination_std_1",
    "contact_ratio_mean_1",
    "log10_debye_1",
)
# eV. A gap below it is that of a metal.
_METAL_BELOW = 0.01


def key_of(text: str) -> str | None:
    """Canonical formula; None for one that cannot be read."""
    try:
        return read_composition(text).composition.key
    except InvalidMaterialError:
        return None


def labels_by_formula(crystals: pd.DataFrame) -> pd.DataFrame:
    """One row a formula, with the values of its crystal of lowest energy where that has them.

    Energies and distances above the hull are the lowest of all crystals of the formula; a value that its most stable
    crystal lacks is that of the next one.
    """
    # Copies of another volume teach crystals alone.
    if "strain_log_volume_1" in crystals:
        crystals = crystals[crystals["strain_log_volume_1"].fillna(0.0) == 0.0]
    energies = crystals[_ENERGIES[0]].fillna(crystals[_ENERGIES[1]])
    table = crystals.assign(
        _order=energies.fillna(np.inf), log_sites_1=np.log(crystals["nsites"].to_numpy(dtype=float))
    )
    groups = table.sort_values("_order", kind="stable").groupby("formula", sort=True)
    labels = groups[[*_GAPS, *_GEOMETRY, "log_sites_1"]].first()
    labels[list(_LOWEST)] = groups[list(_LOWEST)].min()
    gaps = labels[_GAPS[0]].fillna(labels[_GAPS[1]])
    labels["is_metal_1"] = np.where(gaps.notna(), (gaps < _METAL_BELOW).astype(float), np.nan)
    labels["log_polymorphs_1"] = np.log(groups.size().to_numpy(dtype=float))
    return _by_key(labels.reset_index(), "formula")


def with_moduli(labels: pd.DataFrame, moduli: pd.DataFrame) -> pd.DataFrame:
    """The same with bulk moduli, and the formulas that only these have."""
    by_key = _by_key(moduli.rename(columns={"log10_k_vrh_GPa": "log10_bulk_modulus_GPa_1"}), "composition")
    return labels.merge(by_key, on=["formula", "composition"], how="outer")


def with_gaps(labels: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """The same with medians of gaps of higher fidelity, where the formula is there."""
    columns = ["band_gap_hse_eV", "band_gap_gllbsc_eV"]
    return labels.merge(_by_key(gaps[["formula", *columns]], "formula"), on=["formula", "composition"], how="left")


def without(labels: pd.DataFrame, texts: Iterable[str]) -> pd.DataFrame:
    """The rows whose formulas are not among the given ones."""
    keys = [key for text in texts if (key := key_of(text)) is not None]
    return labels[~labels["formula"].isin(keys)].reset_index(drop=True)


def with_directions(labels: pd.DataFrame, formulas: Sequence[str], directions: NDArray[np.float32]) -> pd.DataFrame:
    """The same with directions of the crystal substrate's embedding, ``[n_formulas, n_directions]``."""
    names = [f"direction_{place}_1" for place in range(directions.shape[1])]
    found = pd.DataFrame(directions, columns=names).assign(
        formula=pd.Series([key_of(text) for text in formulas], dtype=object)
    )
    return labels.merge(found.drop_duplicates("formula"), on="formula", how="left")


def _by_key(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Medians by canonical key, in the columns ``formula`` and ``composition``."""
    keys = {text: key_of(text) for text in table[column].unique()}
    keyed = table.assign(formula=table[column].map(keys)).dropna(subset=["formula"])
    numbers = keyed.select_dtypes("number").columns
    medians = keyed.groupby("formula", sort=True)[list(numbers)].median().reset_index()
    return medians.assign(composition=medians["formula"])


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crystals", type=Path, required=True)
    parser.add_argument("--moduli", type=Path, required=True)
    parser.add_argument("--gaps", type=Path)
    parser.add_argument("--leave-out", type=Path, nargs="*", default=[], help="tables with a column composition")
    parser.add_argument(
        "--directions", type=Path, help="npz with formula, and z: directions of the crystal substrate's embedding"
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    labels = with_moduli(labels_by_formula(pd.read_parquet(options.crystals)), pd.read_parquet(options.moduli))
    if options.gaps:
        labels = with_gaps(labels, pd.read_parquet(options.gaps))
    for path in options.leave_out:
        labels = without(labels, pd.read_parquet(path, columns=["composition"])["composition"])
    if options.directions:
        found = np.load(options.directions)
        labels = with_directions(labels, found["formula"].tolist(), found["z"])
    labels.to_parquet(options.out, index=False)


if __name__ == "__main__":
    main()
