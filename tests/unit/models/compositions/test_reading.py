"""What a composition is refused for, and what is told of its reading."""

import time

import pytest

from epitaxy_models.compositions import Shares, composition_of_atoms, read_composition
from epitaxy_models.compositions.shares import Basis
from epitaxy_models.errors import InvalidMaterialError


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        ("", "EMPTY_COMPOSITION", "give a formula"),
        ("Fe0", "EMPTY_COMPOSITION", "at least one element"),
        ("Xx2O3", "UNKNOWN_ELEMENT", "correct the symbol"),
        ("fe2o3", "UNKNOWN_ELEMENT", "capital"),
        ("Fe:70, Xy:30", "UNKNOWN_ELEMENT", "symbols such as Fe"),
        ("Fe2O3)", "UNREADABLE_FORMULA", "bracket"),
        ("(Fe2O3", "UNREADABLE_FORMULA", "closing"),
        ("(Fe]2", "UNREADABLE_FORMULA", "bracket"),
        ("12", "UNREADABLE_FORMULA", "without an element"),
        ("Fe;Co", "UNREADABLE_FORMULA", "pairs"),
        ("La1-xSrxMnO3", "INVALID_AMOUNT", "give a number"),
        ("LixCoO2", "INVALID_AMOUNT", "give a number"),
        ("CuSO4.nH2O", "INVALID_AMOUNT", "give a number"),
        ("Co-Cr-Fe", "INVALID_AMOUNT", "without amounts"),
        ("Fe:-1, Ni:2", "INVALID_AMOUNT", "not negative"),
        ("Fe:50, Fe:50", "INVALID_AMOUNT", "two amounts"),
        ("Fe1/0", "INVALID_AMOUNT", "divides by 0"),
        ("Na+", "CHARGED_COMPOSITION", "do not add up to 0"),
        ("Fe3+O2-", "CHARGED_COMPOSITION", "do not add up to 0"),
        ("SO4^2-", "CHARGED_COMPOSITION", "charge"),
        ("SO4 2-", "CHARGED_COMPOSITION", "charge"),
        ("Fe:50, Ni:30 at%", "AMOUNTS_DO_NOT_ADD_UP", "add up to 80"),
        ("Fe:bal, Ni:bal, Co:3 wt%", "AMOUNTS_DO_NOT_ADD_UP", "both the balance"),
        ("Fe:bal, Ni:120 wt%", "AMOUNTS_DO_NOT_ADD_UP", "nothing for the balance"),
        ("Fe:bal, Ni:20", "AMOUNTS_DO_NOT_ADD_UP", "add wt% or at%"),
        ("HHeLiBeBCNOFNeNaMgAlSiPSClArKCaSc", "TOO_MANY_ELEMENTS", "20"),
        ("Fe" * 600, "TOO_LARGE", "one formula"),
    ],
)
def test_refusals_name_reason_and_remedy(text, reason, remedy):
    with pytest.raises(InvalidMaterialError, match=remedy) as caught:
        read_composition(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CuSO4.5H2O", "READ_AS_HYDRATE"),
        ("D2O", "DEUTERIUM_AS_HYDROGEN"),
        ("Fe3+2O2-3", "STRIPPED_OXIDATION_STATES"),
        ("Ti-6Al-4V", "ASSUMED_WEIGHT_PERCENT"),
        ("Fe:50.3, Ni:49.3 wt%", "SCALED_AMOUNTS"),
        ("Fe0.333Co0.667", "ROUNDED_AMOUNTS"),
        ("Si99.9999999P0.0000001", "DROPPED_TRACES"),
    ],
)
def test_repairs_are_told(text, code):
    assert [repair.code for repair in read_composition(text).repairs] == [code]


@pytest.mark.parametrize("text", ["Fe2O3", "Na0.5CoO2", "CuSO4·5H2O", "Al0.25CoFeNi", "Fe:60, Cr:20, Ni:20 at%"])
def test_nothing_is_told_of_a_plain_composition(text):
    assert read_composition(text).repairs == ()


def test_a_decimal_before_water_stays_one_where_it_begins_with_zero():
    assert read_composition("Li0.5H2O").composition.key == "H4LiO2"


def test_twenty_elements_and_traces_of_steel_are_kept():
    assert read_composition("HHeLiBeBCNOFNeNaMgAlSiPSClArKCa").composition.n_elements == 20
    steel = read_composition("Fe0.623C0.00854Mn0.000104Si0.000203Cr0.147Ni0.0000971Nb0.00006").composition
    assert steel.n_elements == 7


def test_shares_complete_the_balance():
    atoms = Shares({"Ni": 18.0, "Co": 9.0}, Basis.WT, balance="Fe").atoms()
    assert composition_of_atoms(atoms).composition == read_composition("Fe:73, Ni:18, Co:9 wt%").composition


def test_no_text_stalls_the_reader():
    texts = ["(" * 400 + "Fe" + ")" * 400, "Fe." * 300, "1" * 999, "Fe1e9" * 190, "-".join(["2Fe"] * 240), "é" * 900]
    texts += ["O4." + "5H2O." * 190, "A" * 999, "CaO." * 240, ". " * 400, "Fe:1," * 190, "{" * 900 + ":"]
    begin = time.perf_counter()
    for text in texts:
        try:
            read_composition(text)
        except InvalidMaterialError:
            continue
    assert time.perf_counter() - begin < 3.0
