import warnings

import numpy as np
import pytest
from pymatgen.core import Composition, Element

from epitaxy_models.structures.element_table import ELEMENT_TABLE, property_of_elements, tabulated
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.structures.structure import Structure
from epitaxy_models.testing.specimens import perovskite, rock_salt
from epitaxy_models.transfer.descriptors.composition import COMPOSITION_NAMES, composition_features

ELEMENTS = range(1, 104)
# Name in the table and in pymatgen's element data.
MEASURED = {
    "mendeleev_number": "Mendeleev no",
    "electronegativity": "X",
    "atomic_radius": "Atomic radius",
    "van_der_waals_radius": "Van der waals radius",
    "melting_point": "Melting point",
    "boiling_point": "Boiling point",
    "molar_volume": "Molar volume",
    "bulk_modulus": "Bulk modulus",
    "electron_affinity": "Electron affinity",
}
# Name in Magpie's table; only what both take from one definition.
MAGPIE = {
    "atomic_number": "Number",
    "atomic_mass": "AtomicWeight",
    "period": "Row",
    "group": "Column",
    "s_valence": "NsValence",
    "p_valence": "NpValence",
    "d_valence": "NdValence",
    "f_valence": "NfValence",
    "valence": "NValence",
    "s_unfilled": "NsUnfilled",
    "p_unfilled": "NpUnfilled",
    "d_unfilled": "NdUnfilled",
    "f_unfilled": "NfUnfilled",
    "unfilled": "NUnfilled",
    "covalent_radius": "CovalentRadius",
}


def cell_of(formula: str) -> Structure:
    """Any arrangement: statistics of the composition see none."""
    numbers = [Element(symbol).Z for symbol, n in Composition(formula).items() for _ in range(int(n))]
    frac = np.linspace(0, 0.9, len(numbers))[:, None].repeat(3, axis=1)
    return Structure(10.0 * np.eye(3), np.array(numbers, dtype=np.uint8), frac)


def by_name(structure: Structure) -> dict[str, float]:
    return dict(zip(COMPOSITION_NAMES, composition_features([structure])[0].tolist(), strict=True))


@pytest.mark.parametrize("name", MEASURED)
def test_measured_properties_are_pymatgens(name: str) -> None:
    ours = property_of_elements(name)
    known = tabulated()[name]
    for number in ELEMENTS:
        value = Element.from_Z(number).data.get(MEASURED[name])
        if value is None or not np.isfinite(float(value)):
            assert np.isnan(known[number - 1])
        else:
            assert ours[number] == known[number - 1] == pytest.approx(float(value))


def test_position_mass_and_first_ionization_are_pymatgens() -> None:
    for number in ELEMENTS:
        element = Element.from_Z(number)
        assert property_of_elements("period")[number] == element.row
        assert property_of_elements("group")[number] == element.group
        assert property_of_elements("atomic_mass")[number] == pytest.approx(float(element.atomic_mass))
        assert property_of_elements("ionization_energy_1")[number] == pytest.approx(element.ionization_energies[0])


@pytest.mark.parametrize(
    ("symbol", "valence", "unfilled"),
    [("H", (1, 0, 0, 0), 1), ("Fe", (2, 0, 6, 0), 4), ("Ga", (2, 1, 10, 0), 5), ("Gd", (2, 0, 1, 7), 16)],
)
def test_valence_shells_are_those_beyond_the_noble_gas(symbol: str, valence: tuple[int, ...], unfilled: int) -> None:
    number = Element(symbol).Z
    shells = [property_of_elements(f"{shell}_valence")[number] for shell in "spdf"]
    assert tuple(shells) == valence
    assert property_of_elements("valence")[number] == sum(valence)
    assert property_of_elements("unfilled")[number] == unfilled


def test_gaps_are_filled_between_the_nearest_along_the_mendeleev_number() -> None:
    order = property_of_elements("mendeleev_number")
    known = tabulated()
    for name, values in known.items():
        filled = property_of_elements(name)[1:104]
        assert np.isfinite(filled).all()
        for gap in np.flatnonzero(np.isnan(values)):
            others = np.flatnonzero(np.isfinite(values))
            below = [k for k in others if order[k + 1] < order[gap + 1]]
            above = [k for k in others if order[k + 1] > order[gap + 1]]
            ends = [
                values[max(below, key=lambda k: order[k + 1])] if below else None,
                values[min(above, key=lambda k: order[k + 1])] if above else None,
            ]
            ends = [end for end in ends if end is not None]
            assert min(ends) - 1e-9 <= filled[gap] <= max(ends) + 1e-9


def test_superheavy_elements_get_the_values_of_the_last_one_that_is_tabulated() -> None:
    assert (ELEMENT_TABLE[104:] == ELEMENT_TABLE[103]).all()
    assert len(ELEMENT_TABLE) == 119


@pytest.mark.parametrize("formula", ["SrTiO3", "Fe2O3", "GaN", "LiNi3Mn2CoO12", "W"])
def test_statistics_are_those_of_pymatgens_composition(formula: str) -> None:
    features = by_name(cell_of(formula))
    fractions = Composition(formula).fractional_composition
    for name, key in {"electronegativity": "X", "melting_point": "Melting point", "atomic_mass": "Atomic mass"}.items():
        values = np.array([float(element.data[key]) for element in fractions])
        weights = np.array(list(fractions.values()))
        mean = np.average(values, weights=weights)
        assert features[f"mean_{name}"] == pytest.approx(mean)
        assert features[f"std_{name}"] == pytest.approx(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
        assert features[f"min_{name}"] == pytest.approx(values.min())
        assert features[f"max_{name}"] == pytest.approx(values.max())
        assert features[f"range_{name}"] == pytest.approx(np.ptp(values))


def test_the_mode_is_the_most_frequent_element_and_the_smaller_value_on_a_tie() -> None:
    assert by_name(perovskite())["mode_atomic_number"] == 8
    salt = by_name(rock_salt())
    assert salt["mode_atomic_number"] == 11
    assert salt["mode_electronegativity"] == pytest.approx(0.93)
    assert salt["mode_atomic_radius"] == pytest.approx(1.0)


def test_stoichiometry_is_counted() -> None:
    features = by_name(perovskite())
    assert features["n_elements"] == 3
    assert features["stoichiometry_norm_2"] == pytest.approx(np.sqrt(0.2**2 + 0.2**2 + 0.6**2))
    assert features["mixing_entropy"] == pytest.approx(-(0.4 * np.log(0.2) + 0.6 * np.log(0.6)))


def test_ionic_character_is_paulings() -> None:
    features = by_name(rock_salt())
    pair = 1 - np.exp(-0.25 * (3.16 - 0.93) ** 2)
    assert features["max_ionic_character"] == pytest.approx(pair)
    assert features["mean_ionic_character"] == pytest.approx(pair / 2)


@pytest.mark.parametrize("formula", ["SrTiO3", "CsPbI3", "GdFe2", "ZnS", "Bi2Te3", "LiCoO2"])
def test_statistics_are_matminers_where_it_is_installed(formula: str) -> None:
    data = pytest.importorskip("matminer.utils.data", reason="matminer, an optional second opinion, is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of matminer's own
        magpie = data.MagpieData()
    features = by_name(cell_of(formula))
    fractions = Composition(formula).fractional_composition
    weights = np.array(list(fractions.values()))
    for name, theirs in MAGPIE.items():
        values = np.array([magpie.get_elemental_property(element, theirs) for element in fractions])
        values = values / 100 if theirs == "CovalentRadius" else values  # given in pm
        assert features[f"mean_{name}"] == pytest.approx(np.average(values, weights=weights), rel=1e-3, abs=1e-9)
        assert features[f"range_{name}"] == pytest.approx(np.ptp(values), rel=1e-3, abs=1e-9)
        most = weights > weights.max() - 1e-9
        assert features[f"mode_{name}"] == pytest.approx(values[most].min(), rel=1e-3, abs=1e-9)


def test_symbols_of_the_table_are_in_order() -> None:
    numbers = tabulated()["atomic_number"]
    assert [symbol_of(int(number)) for number in numbers] == [Element.from_Z(number).symbol for number in ELEMENTS]
