"""What the substrate itself says of a property."""

import numpy as np
import pytest

from epitaxy_models.campaigns import HeadAnswer, Knowledge, Objective, Planner, PoolBlocks, head_answer
from epitaxy_models.transfer.inputs import ESTIMATES, FIDELITIES, SUBSTRATE
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind

HEADS = ["formation_energy_mp2021_eV_atom", "band_gap_pbe_mp2022_eV", "log10_bulk_modulus_1"]
BLOCKS = {
    SUBSTRATE: np.array([[-1.0, 2.0, 2.0], [-2.0, 0.5, 1.0]]),
    FIDELITIES: np.array([[2.7, 3.1, 0.9], [1.0, 1.2, 0.3]]),
    ESTIMATES: np.array([[3.0, 0.5], [3.0, 1.0]]),
}
FIDELITY_COLUMNS = ("HSE06", "GLLB_SC", "HSE06 gate")


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("formation_enthalpy_exp_eV_atom", "eV/atom", [-1.0, -2.0]),
        ("band_gap", "eV", [2.0, 0.5]),
        ("band_gap_hse_eV", "eV", [2.7, 1.0]),
        ("band_gap_gllbsc_eV", "eV", [3.1, 1.2]),
        ("bulk_modulus", "GPa", [100.0, 10.0]),
        ("eps_electronic_poly", "1", [10**0.5, 10.0]),
    ],
)
def test_a_head_states_the_property_in_its_unit(name: str, unit: str, expected: list[float]) -> None:
    answer = head_answer(name, unit, BLOCKS, HEADS, FIDELITY_COLUMNS)
    assert answer is not None
    assert answer.values == pytest.approx(expected)
    assert answer.states_value == (name != "eps_electronic_poly")


def test_no_head_states_what_none_was_trained_on() -> None:
    assert head_answer("last_phdos_peak_cm1", "1/cm", BLOCKS, HEADS, FIDELITY_COLUMNS) is None
    assert head_answer("band_gap", "meV", BLOCKS, HEADS, FIDELITY_COLUMNS) is None


@pytest.mark.parametrize(
    ("name", "unit", "source", "values"),
    [
        ("homo_eV", "eV", "qm_homo_eV", [-6.0, -5.0]),
        ("orbital_gap", "eV", "qm_gap_eV", [4.0, 3.0]),
        ("tg_K", "K", "ex_tm_K", [400.0, 300.0]),
        ("glass_transition", "degC", "ex_tm_K", [400.0, 300.0]),
        ("log_solubility_mol_L", "1", "ex_logp_1", [-2.0, -1.0]),
        ("band_gap_exp_eV", "eV", "band_gap_hse_eV", [1.5, 2.5]),
    ],
)
def test_heads_of_molecules_and_compositions_state_or_rank(name: str, unit: str, source: str, values: list) -> None:
    heads = ["qm_homo_eV", "qm_gap_eV", "ex_tm_K", "ex_logp_1", "band_gap_hse_eV"]
    blocks = {SUBSTRATE: np.array([[-6.0, 4.0, 400.0, 2.0, 1.5], [-5.0, 3.0, 300.0, 1.0, 2.5]])}
    answer = head_answer(name, unit, blocks, heads)
    assert answer is not None
    assert (answer.source, answer.values.tolist()) == (source, values)
    assert answer.states_value == (source not in ("ex_tm_K", "ex_logp_1"))


def test_a_name_that_only_looks_alike_is_not_ranked() -> None:
    blocks = {SUBSTRATE: np.array([[400.0, 1000.0]])}
    for name, unit in (("voltgauge", "K"), ("tg_K", "MPa"), ("current_density", "A/cm2")):
        assert head_answer(name, unit, blocks, ["ex_tm_K", "ex_rho_1"]) is None


def test_a_target_away_from_zero_counts_the_chance_to_be_no_metal() -> None:
    answer = HeadAnswer("head", np.array([1.4, 1.4, 5.0]), chance_above=np.array([0.2, 0.9, 1.0]))
    matched, above_all = Objective.parse("gap:match:1.4", "eV"), Objective.parse("gap:max", "eV")
    assert np.argsort(-answer.scores(matched)).tolist() == [1, 0, 2]
    assert answer.scores(above_all).tolist() == [1.4, 1.4, 5.0]
    assert answer.chance_of(Objective.parse("gap:match:0", "eV")) is None


def test_a_campaign_follows_the_chance_while_the_head_speaks() -> None:
    generator = np.random.default_rng(0)
    pool = PoolBlocks.of({"embedding": generator.normal(size=(80, 3))})
    values = generator.uniform(0.2, 4.0, 80)
    is_metal = np.arange(80) % 2 == 0
    truth = np.where(is_metal, 0.0, values)
    heads = {"gap": HeadAnswer("head", values, chance_above=np.where(is_metal, 0.1, 0.9))}
    done = np.arange(20)
    batch = Planner(pool, [Objective.parse("gap:match:1.4", "eV")], heads=heads).recommend(
        Knowledge(done, {"gap": truth[done]}), 5
    )
    assert not is_metal[[choice.candidate for choice in batch]].any()


def test_values_without_a_place_on_the_scale_count_as_little() -> None:
    answer = HeadAnswer("head", np.array([10.0, -1.0, 100.0]))
    assert answer.on_scale(TargetTransform(TransformKind.LOG10)).tolist() == [1.0, 0.0, 2.0]
