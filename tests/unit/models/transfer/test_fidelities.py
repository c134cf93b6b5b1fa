"""Cheaper values: models of them, blocks that are complete, two states in one model."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from epitaxy_models.errors import CheckpointError
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.transfer import strategies
from epitaxy_models.transfer.contest.fidelity_gain import FidelityGain
from epitaxy_models.transfer.contest.judge import Estimate
from epitaxy_models.transfer.fidelities.cheap_model import CheapModel
from epitaxy_models.transfer.fidelities.filling import Filling, is_known, without_columns
from epitaxy_models.transfer.fidelities.identity_line import robust_line
from epitaxy_models.transfer.fitted.fidelity_states import calibrate_states
from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, FIDELITIES, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.records import CurvePoint, LearningCurve
from epitaxy_models.transfer.report.fidelities import advice
from epitaxy_models.transfer.strategies.anchored_forest import AnchoredForest
from epitaxy_models.transfer.strategies.by_fidelity import CellScale, FittedByFidelity, Hiding
from epitaxy_models.transfer.strategies.median import PoolMedian
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

N = 120
RNG = np.random.default_rng(3)
CHEAP = np.maximum(RNG.normal(0.5, 1.5, N), 0.0)
TARGETS = np.where(CHEAP > 0, 1.2 * CHEAP + 0.3, 0.0)
GAP = CHEAP + RNG.normal(0, 0.3, N)


def _inputs(known: np.ndarray) -> TransferInputs:
    """Rows whose substrate predicts the cheap value with an error of 0.3, and whose descriptors say nothing."""
    structure = next(iter(specimens().values()))
    named = [
        SimpleNamespace(reduced_formula=f"A{number}", atomic_numbers=structure.atomic_numbers) for number in range(N)
    ]
    rng = np.random.default_rng(5)
    blocks = {
        DESCRIPTORS: rng.normal(size=(N, 4)),
        EMBEDDING: rng.normal(size=(N, 8)),
        SUBSTRATE: np.stack([GAP, rng.normal(size=N)], axis=1),
        FIDELITIES: np.stack([np.maximum(1.2 * GAP + 0.3, 0), (GAP > 0) * 1.0], axis=1),
        "low_fidelity/pbe": np.stack([np.where(known, CHEAP, 0.0), known * 1.0], axis=1),
    }
    return TransferInputs(tuple(named), tuple([None] * N), blocks)  # type: ignore[arg-type]


ALL, NONE = np.ones(N, dtype=bool), np.zeros(N, dtype=bool)


@pytest.fixture(scope="module")
def filling() -> Filling:
    return Filling((CheapModel.fit("pbe", _inputs(ALL), CHEAP, 1, "eV"),))


def test_a_cheap_value_is_taken_where_it_is_known_and_modelled_where_it_is_not(filling: Filling) -> None:
    known = np.arange(N) % 2 == 0
    block = filling.fill(_inputs(known)).blocks["filled/pbe"]
    assert block.shape == (N, 3)
    np.testing.assert_array_equal(block[known, 0], CHEAP[known])
    assert (block[~known, 1] == 0).all()
    assert 0.05 < np.abs(block[~known, 0] - CHEAP[~known]).mean() < 0.35
    assert filling.models[0].mae == pytest.approx(np.abs(filling.models[0].estimate(_inputs(NONE)) - CHEAP).mean())


def test_the_model_of_a_formula_never_saw_its_value() -> None:
    changed = CHEAP.copy()
    changed[0] = np.median(CHEAP) if abs(CHEAP[0] - np.median(CHEAP)) > 0.3 else CHEAP.max() / 2
    before, after = (
        CheapModel.fit("pbe", _inputs(ALL), values, 0).estimate(_inputs(NONE)) for values in (CHEAP, changed)
    )
    assert after[0] == pytest.approx(before[0], abs=1e-6)


def test_a_known_value_corrects_the_shipped_estimates(filling: Filling) -> None:
    shipped = np.maximum(1.2 * GAP + 0.3, 0)
    corrected = filling.fill(_inputs(ALL)).blocks["filled/pbe"][:, 2]
    assert np.abs(corrected - TARGETS).mean() < 0.7 * np.abs(shipped - TARGETS).mean()


def test_a_strategy_that_hides_values_can_do_without_a_column(filling: Filling) -> None:
    """As when a job asks what a column buys."""
    other = CheapModel(**{**vars_of(filling.models[0]), "name": "hse"})
    both = Filling((filling.models[0], other))
    fitted = Hiding(AnchoredForest(), both).fit(filling.fill(_inputs(ALL)), TARGETS, 0)
    assert np.abs(fitted.predict(filling.fill(_inputs(ALL))).values - TARGETS).mean() < 0.2


def test_values_that_are_hidden_leave_one_a_row(filling: Filling) -> None:
    other = CheapModel(**{**vars_of(filling.models[0]), "name": "hse"})
    inputs = _inputs(ALL)
    inputs = TransferInputs(
        inputs.structures, inputs.graphs, {**inputs.blocks, "low_fidelity/hse": inputs.blocks["low_fidelity/pbe"]}
    )
    hidden = Filling((filling.models[0], other)).hide(inputs, 0.5, np.random.default_rng(0))
    marks = [hidden.blocks[f"low_fidelity/{name}"][:, 1] for name in ("pbe", "hse")]
    assert is_known(hidden).all()
    assert all(0.3 < mark.mean() < 0.9 for mark in marks)


def vars_of(model: CheapModel) -> dict[str, object]:
    return {name: getattr(model, name) for name in ("name", "head", "n_kin", "n_values", "mae")}


def test_forest_keeps_what_the_cheaper_level_says_is_zero(filling: Filling) -> None:
    inputs = filling.fill(_inputs(ALL))
    fitted = AnchoredForest().fit(inputs, TARGETS, 0)
    found = fitted.predict(inputs)
    assert fitted.anchor.column.block == "filled/pbe"
    assert np.abs(found.values - TARGETS).mean() < 0.1
    again = strategies.restore(fitted.state()).predict(inputs)
    np.testing.assert_allclose(again.values, found.values)
    np.testing.assert_allclose(again.stds, found.stds)


def _joined(filling: Filling) -> FittedByFidelity:
    inputs = filling.fill(_inputs(ALL))
    known = AnchoredForest().fit(inputs, TARGETS, 0)
    unknown = PoolMedian().fit(without_columns(inputs), TARGETS, 0)
    return FittedByFidelity(filling, ((1.0, known),), ((1.0, unknown),), CellScale(None, (1.0, 1.0, 2.0, 2.0)))


def test_each_row_is_answered_by_the_model_of_its_state(filling: Filling) -> None:
    known = np.arange(N) % 3 == 0
    joined = _joined(filling)
    found = strategies.restore(joined.state()).predict(_inputs(known))
    both = joined.known[0][1].predict(filling.fill(_inputs(ALL)))
    np.testing.assert_allclose(found.values[known], both.values[known])
    assert (found.values[~known] == np.median(TARGETS)).all()
    np.testing.assert_allclose(found.stds[~known], 2 * joined.unknown[0][1].predict(_inputs(NONE)).stds[~known])


@pytest.mark.parametrize(
    "damage", [{"factors": [1.0, -1.0, 1.0, 1.0]}, {"unknown": []}, {"filling": [{"name": "pbe"}]}]
)
def test_a_damaged_state_is_refused(filling: Filling, damage: dict[str, object]) -> None:
    state = _joined(filling).state()
    with pytest.raises(CheckpointError):
        strategies.restore(StrategyState(state.kind, {**state.settings, **damage}, state.tensors))


def test_intervals_hold_in_every_state() -> None:
    """Known rows err ten times less than unknown ones, and all fits expect the same error."""
    rng = np.random.default_rng(0)
    targets = np.concatenate([np.zeros(150), rng.uniform(1, 3, 150)])
    folds = np.array_split(rng.permutation(300), 5)
    splits = tuple(SimpleNamespace(test=np.sort(fold), train=np.setdiff1d(np.arange(300), fold)) for fold in folds)

    def side(error: float) -> SimpleNamespace:
        parts = [
            TransferPrediction(np.where(truth > 0, truth + error * rng.normal(size=60), 0.0), np.ones(60))
            for truth in (targets[split.test] for split in splits)
        ]
        return SimpleNamespace(parts=parts, values=[part.values for part in parts])

    task = SimpleNamespace(splits=splits, n_folds=5, targets=targets)
    found = calibrate_states(side(0.1), side(1.0), task, np.ones(300, dtype=bool))  # type: ignore[arg-type]
    assert found.scale.factors[0] < 0.3 * found.scale.factors[2]
    assert found.coverage["known, off the bound"][0] == pytest.approx(0.9, abs=0.05)
    assert found.coverage["unknown, off the bound"][0] == pytest.approx(0.9, abs=0.05)
    assert found.coverage["known, at the bound"] == (1.0, 150)


def test_a_line_is_drawn_towards_the_identity_and_ignores_one_wild_row() -> None:
    x = np.linspace(0, 3, 12)
    y = x.copy()
    y[-1] = 40.0
    line = robust_line(x, y)
    assert line.slope == pytest.approx(1.0, abs=0.05)
    assert robust_line(x, -5 * x + 2).slope == pytest.approx(-5, abs=0.1)


def _gain(low: float) -> FidelityGain:
    return FidelityGain("pbe", 80, 0.3, 0.4, Estimate(0.1, low, 0.15))


CURVE = LearningCurve("stack", (CurvePoint(25, 0.8, 0.7, 0.9), CurvePoint(100, 0.4, 0.3, 0.5)))


@pytest.mark.parametrize(
    ("gain", "curve", "costs", "words"),
    [
        (None, CURVE, (1, 20), "No label has a value of pbe"),
        (_gain(-0.1), CURVE, (1, 20), "buys nothing beyond noise"),
        (_gain(0.05), None, (1, 20), "more labels alone would not"),
        (_gain(0.05), CURVE, (0, 0), "State costs to compare"),
        (_gain(0.05), CURVE, (1, 20), "about 78 more labels at 20 each .* up to 1560 candidates"),
    ],
)
def test_advice_weighs_candidates_against_labels(
    gain: FidelityGain | None, curve: LearningCurve | None, costs: tuple[float, float], words: str
) -> None:
    assert re.search(words, advice("pbe", costs[0], gain, curve, costs[1], "eV"))
