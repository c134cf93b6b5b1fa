"""One key for one composition, whatever the order, scale, unit and spelling."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from material_cases import column

from epitaxy_models.compositions import Composition, Shares, composition_of_atoms, read_composition
from epitaxy_models.compositions.shares import Basis
from epitaxy_models.structures.elements import SYMBOLS, atomic_number_of, symbol_of
from epitaxy_models.structures.masses import ATOMIC_MASSES

FORMULAS = [
    *column("alloys_mpea", "composition", 60),
    *column("alloys_steels", "composition", 30),
    *column("comp_expt_gap", "composition", 60),
    *column("comp_log_kvrh", "composition", 60),
]
AMOUNTS = st.dictionaries(
    st.sampled_from(range(1, 104)), st.decimals("0.001", "60", places=3).map(float), min_size=1, max_size=20
)


def key(text: str) -> str:
    return read_composition(text).composition.key


@pytest.mark.parametrize(
    "spellings",
    [
        ("Fe2O3", "O3Fe2", "Fe4O6", "Fe₂O₃", "Fe_{2}O_{3}", "(FeO1.5)2", "Fe3+2O2-3", "Fe0.4O0.6", "Fe:40, O:60 at.%"),
        ("Al0.25CoFeNi", "Al0.25 Co1 Fe1 Ni1", "AlCo4Fe4Ni4", "Al7.69Co30.77Fe30.77Ni30.77", "Al7.7Co30.8Fe30.8Ni30.8"),
        ("CoFeNi", "Fe33.3Ni33.3Co33.4", "Co0.333Fe0.333Ni0.333", '{"Co": 1, "Fe": 1, "Ni": 1}'),
        ("Li6.4La3Zr1.4Ta0.6O12", "La3Li6.4Ta0.6Zr1.4O12", "Li32La15Zr7Ta3O60"),
        ("CuSO4.5H2O", "CuSO4·5H2O", "CuSO4 * 5 H2O", "CuSO4(H2O)5", "CuH10SO9"),
        ("CaSO4.0.5H2O", "CaSO4·½H2O", "2CaSO4.H2O"),
        ("(La1/3Sr2/3)MnO3", "LaSr2Mn3O9"),
        ("K2O.Al2O3.6SiO2", "KAlSi3O8"),
        ("0.5Li2MnO3-0.5LiNiO2", "Li2MnO3·LiNiO2"),
        ("D2O", "H2O"),
        ("Ti-6Al-4V", "Ti:90, Al:6, V:4 wt%", "Ti bal. Al 6 V 4 wt.%", "Ti90Al6V4 (wt%)"),
    ],
)
def test_spellings_of_one_material_have_one_key(spellings):
    assert len({key(text) for text in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("Cu2S", "Cu1.97S"), ("B17K3", "B62K11"), ("Fe2O3", "Fe3O4"), ("Na0.5CoO2", "NaCoO2"), ("O200Ti100", "O199Ti100")],
)
def test_materials_that_differ_have_keys_of_their_own(one, other):
    assert key(one) != key(other)


@given(AMOUNTS, st.randoms(use_true_random=False), st.floats(1e-3, 1e3))
def test_order_and_scale_do_not_matter(amounts, rng, scale):
    pairs = list(amounts.items())
    rng.shuffle(pairs)
    assert Composition.of(amounts) == Composition.of({number: amount * scale for number, amount in pairs})


@given(AMOUNTS)
def test_a_key_reads_back_to_its_composition(amounts):
    composition = Composition.of(amounts)
    assert read_composition(composition.key).composition == composition
    assert composition.fractions.sum() == pytest.approx(1.0, abs=1e-12)


@given(AMOUNTS)
def test_fractions_are_those_given_within_rounding(amounts):
    composition = Composition.of(amounts)
    total = sum(amounts.values())
    given_fractions = [amounts[number] / total for number in composition.atomic_numbers]
    assert composition.fractions == pytest.approx(given_fractions, abs=8e-4)


def test_shared_formulas_keep_their_key_however_they_are_written():
    rng = random.Random(7)
    for formula in FORMULAS:
        composition = read_composition(formula).composition
        pairs = list(zip(composition.atomic_numbers, composition.fractions.tolist(), strict=True))
        rng.shuffle(pairs)
        scale = rng.uniform(0.1, 30)
        written = "".join(f"{symbol_of(number)}{fraction * scale:.9f}" for number, fraction in pairs)
        by_weight = {symbol_of(number): fraction * ATOMIC_MASSES[number] for number, fraction in pairs}
        assert key(written) == composition.key, formula
        shares = Shares(by_weight, Basis.WT, is_strict=False)
        assert composition_of_atoms(shares.atoms()).composition.key == composition.key, formula


def test_the_key_of_a_compound_is_the_reduced_formula_of_crystals():
    formulas = column("mp_general", "formula", 400)
    same = [key(formula) == formula for formula in formulas]
    # All but formulas of more than 100 atoms.
    assert np.mean(same) > 0.98


def test_every_element_is_read():
    for symbol in SYMBOLS:
        assert read_composition(f"{symbol}2").composition.atomic_numbers == (atomic_number_of(symbol),)
