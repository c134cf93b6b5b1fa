"""Labels by formula from a table of crystals."""

import numpy as np
import pandas as pd
import pytest

from epitaxy_models.data.auxiliary.formula_labels import labels_by_formula, with_directions, with_moduli, without


@pytest.fixture
def crystals() -> pd.DataFrame:
    """Two polymorphs of TiO2, of which the stable one has no gap of 2018, and a stretched copy."""
    rows = pd.DataFrame(
        {
            "formula": ["O2Ti", "O2Ti", "O2Ti", "ClNa"],
            "nsites": [6, 12, 6, 2],
            "formation_energy_mp2018_eV_atom": [-3.2, -3.4, np.nan, np.nan],
            "formation_energy_mp2021_eV_atom": [np.nan, -3.5, np.nan, -2.1],
            "e_above_hull_mp2021_eV_atom": [0.2, 0.0, np.nan, 0.0],
            "strain_log_volume_1": [np.nan, np.nan, 0.1, np.nan],
        }
    )
    for column in ("mp2018", "mp2021", "mp2020", "mp2022"):
        rows[f"band_gap_pbe_{column}_eV"] = [1.9, np.nan, np.nan, 5.0]
    for place, column in enumerate(
        ("log_volume_per_atom_1", "packing_fraction_1", "log_density_1", "coordination_mean_1", "coordination_std_1",
         "contact_ratio_mean_1", "log10_debye_1")
    ):  # fmt: skip
        rows[column] = [place, place + 0.5, 99.0, place]
    return rows


def test_a_formula_has_the_labels_of_its_most_stable_crystal(crystals: pd.DataFrame) -> None:
    labels = labels_by_formula(crystals).set_index("formula")
    titania = labels.loc["O2Ti"]
    assert titania["formation_energy_mp2018_eV_atom"] == -3.4
    assert titania["e_above_hull_mp2021_eV_atom"] == 0.0
    assert titania["packing_fraction_1"] == 1.5
    # What the stable crystal lacks is the next one's; the stretched copy counts for nothing.
    assert titania["band_gap_pbe_mp2018_eV"] == 1.9
    assert titania["log_polymorphs_1"] == pytest.approx(np.log(2))
    assert titania["is_metal_1"] == 0.0


def test_moduli_join_by_canonical_formula_whatever_its_writing(crystals: pd.DataFrame) -> None:
    moduli = pd.DataFrame({"composition": ["Ti2O4", "Ti1O2", "Fe1"], "log10_k_vrh_GPa": [2.2, 2.4, 2.3]})
    labels = with_moduli(labels_by_formula(crystals), moduli).set_index("formula")
    assert labels.loc["O2Ti", "log10_bulk_modulus_GPa_1"] == pytest.approx(2.3)
    assert labels.loc["Fe", "log10_bulk_modulus_GPa_1"] == 2.3
    assert np.isnan(labels.loc["ClNa", "log10_bulk_modulus_GPa_1"])


def test_target_formulas_are_left_out_and_directions_join(crystals: pd.DataFrame) -> None:
    labels = without(labels_by_formula(crystals), ["Ti2O4", "nonsense"])
    assert labels["formula"].tolist() == ["ClNa"]
    directed = with_directions(labels, ["NaCl"], np.array([[0.5, -1.0]], dtype=np.float32))
    assert directed[["direction_0_1", "direction_1_1"]].to_numpy().tolist() == [[0.5, -1.0]]
