"""Laws that are known beat fits that are not needed: lines, gates, and a judge whom no single label fools."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.calibration.out_of_fold import OutOfFold, calibrate
from epitaxy_models.structures.structure import Structure
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.testing.strategy_contract import LabelledProblem, smooth_problem
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.contest.judge import Candidate, judge
from epitaxy_models.transfer.inputs import ESTIMATES, FIDELITIES, LOW_FIDELITY_PREFIX, SUBSTRATE
from epitaxy_models.transfer.labels.target import TransformKind
from epitaxy_models.transfer.quantities import kin_columns, states_by_name
from epitaxy_models.transfer.report.chemistry import group_errors
from epitaxy_models.transfer.report.simple import best_simple
from epitaxy_models.transfer.splits import grouped_folds
from epitaxy_models.transfer.strategies import BlockGP, GatedProcess, PoolMedian, SubstrateHead, SubstrateLine
from epitaxy_models.transfer.strategies.anchored_forest import AnchoredForest
from epitaxy_models.transfer.strategies.bound import Bound
from epitaxy_models.transfer.strategies.laws import LawColumn
from epitaxy_models.transfer.strategies.substrate_line import FittedLine
from epitaxy_models.transfer.strategy import TransferStrategy
from epitaxy_models.transfer.verdict import Verdict

MEDIAN, MODEL = "pool_median", "block_gp"
N_ROWS, N_TRAIN = 100, 30


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def _problem(heads: NDArray[np.float64], labels: NDArray[np.float64], n_train: int = N_TRAIN) -> LabelledProblem:
    inputs = smooth_problem().inputs
    return LabelledProblem(replace(inputs, blocks={**inputs.blocks, SUBSTRATE: heads}), labels, n_train)


def _error(strategy: TransferStrategy, problem: LabelledProblem) -> float:
    values = strategy.fit(problem.train, problem.targets, 0).predict(problem.test).values
    return float(np.abs(values - problem.labels[problem.n_train :]).mean())


def test_line_finds_the_law_and_the_column_in_spite_of_wild_labels(random: np.random.Generator) -> None:
    heads = random.normal(size=(N_ROWS, 3))
    labels = 2.0 - 3.0 * heads[:, 1] + 0.01 * random.normal(size=N_ROWS)
    labels[:3] += 50.0
    found = _fitted(_problem(heads, labels))
    law = found.laws[0]
    assert law.column == LawColumn(SUBSTRATE, 1)
    assert (law.intercept, law.slope) == pytest.approx((2.0, -3.0), abs=0.03)


def test_line_is_a_ratio_where_the_estimate_is_the_logarithm_of_one(random: np.random.Generator) -> None:
    problem = _problem(random.normal(size=(N_ROWS, 2)), np.zeros(N_ROWS))
    logs = random.uniform(0.1, 2.0, size=N_ROWS)
    blocks = {**problem.inputs.blocks, ESTIMATES: np.stack([random.normal(size=N_ROWS), logs], axis=1)}
    labels = 1.0 + 0.5 * 10.0**logs
    problem = LabelledProblem(replace(problem.inputs, blocks=blocks), labels, N_TRAIN)
    assert _error(SubstrateLine(), problem) < 0.01 * labels.std()


def test_line_of_few_labels_is_shrunk_to_what_is_known_and_not_where_labels_contradict(
    random: np.random.Generator,
) -> None:
    """Five noisy labels of the head's own quantity: ``y = x`` is known to err less than any line through them."""
    kin = (LawColumn(SUBSTRATE, 0),)
    errors: dict[str, list[float]] = {"free": [], "kin": []}
    for _ in range(20):
        heads = random.normal(size=(N_ROWS, 1))
        problem = _problem(heads, heads[:, 0] + random.normal(size=N_ROWS), n_train=8)
        truth = replace(problem, labels=heads[:, 0])
        for name, strategy in (("free", SubstrateLine()), ("kin", SubstrateLine(kin))):
            fitted = strategy.fit(problem.train, problem.targets, 0)
            errors[name].append(float(np.abs(fitted.predict(truth.test).values - truth.labels[8:]).mean()))
    assert np.mean(errors["kin"]) < 0.7 * np.mean(errors["free"])
    contradicting = _problem(heads, 5.0 + 2.0 * heads[:, 0])
    assert _error(SubstrateLine(kin), contradicting) < 0.1


def test_line_prefers_the_closest_column_of_its_own_quantity_to_lucky_lines(random: np.random.Generator) -> None:
    """Twelve labels; the second head needs a slope and lies a little nearer its line, the third is another quantity."""
    labels = random.normal(size=N_ROWS)
    heads = np.stack(
        [
            labels + 0.10 * random.normal(size=N_ROWS),
            0.3 * labels + 1.0 + 0.028 * random.normal(size=N_ROWS),
            5.0 * labels + 0.47 * random.normal(size=N_ROWS),
        ],
        axis=1,
    )
    problem = _problem(heads, labels, n_train=12)
    kin = (LawColumn(SUBSTRATE, 0), LawColumn(SUBSTRATE, 1))
    law = SubstrateLine(kin).fit(problem.train, problem.targets, 0).laws[0]
    assert law.column == kin[0]
    # A column of another quantity that says far more of the labels is taken all the same.
    heads[:, 2] = 5.0 * labels
    telling = _problem(heads, labels, n_train=12)
    assert SubstrateLine(kin).fit(telling.train, telling.targets, 0).laws[0].column == LawColumn(SUBSTRATE, 2)


def test_forest_on_a_known_law_needs_one_and_keeps_its_slope_where_few_labels_are_off_the_bound(
    random: np.random.Generator,
) -> None:
    """Five labels off the bound that lie on no line: ``y = x`` is known, and no slope of theirs replaces it."""
    head = np.where(np.arange(N_ROWS) % 6 == 0, 1.0 + random.uniform(size=N_ROWS), 0.0)
    labels = np.where(head > 0, 3.5 - head + 0.5 * random.normal(size=N_ROWS), 0.0)
    problem = _problem(head[:, None], labels)
    kin = (LawColumn(SUBSTRATE, 0),)
    slopes = {
        name: strategy.fit(problem.train, problem.targets, 0).anchor.line.slope
        for name, strategy in {"kin": AnchoredForest(kin), "free": AnchoredForest()}.items()
    }
    assert slopes["kin"] > 0.6
    assert slopes["free"] < 0.3
    with pytest.raises(ValueError, match="no head of the substrate states this quantity"):
        AnchoredForest(is_open=False).fit(problem.train, problem.targets, 0)


@pytest.mark.parametrize(("unit", "reads"), [("eV", True), ("meV/atom", False)])
def test_estimates_of_gaps_are_read_where_labels_are_gaps(unit: str, reads: bool, random: np.random.Generator) -> None:
    """Few labels of another quantity would be misled by them more often than helped."""
    heads = ("formation_energy_mp2018_eV_atom", "band_gap_pbe_mp2018_eV")
    kin = kin_columns(heads, 1, "band_gap" if reads else "exfoliation", unit, TransformKind.NONE)
    gaps = random.uniform(size=(N_ROWS, 2))
    problem = _problem(random.normal(size=(N_ROWS, 2)), gaps[:, 0] + 0.01 * random.normal(size=N_ROWS))
    problem = replace(problem, inputs=replace(problem.inputs, blocks={**problem.inputs.blocks, FIDELITIES: gaps}))
    strategies = Field((BlockGP(), GatedProcess(), PoolMedian())).told(0.0, kin).frozen[:2]
    fits = [strategy.fit(problem.train, problem.targets, 0) for strategy in strategies]
    assert [FIDELITIES in fitted.block_weights() for fitted in fits] == [reads, reads]


def test_line_reads_a_known_cheaper_value_and_does_without_where_it_is_unknown(random: np.random.Generator) -> None:
    labels = random.normal(size=N_ROWS)
    problem = _problem((labels + 0.5 * random.normal(size=N_ROWS))[:, None], labels)
    is_known = np.arange(N_ROWS) % 2 == 0
    column = np.stack([np.where(is_known, labels + 0.02, 0.0), is_known], axis=1)
    blocks = {**problem.inputs.blocks, f"{LOW_FIDELITY_PREFIX}pbe": column}
    problem = replace(problem, inputs=replace(problem.inputs, blocks=blocks))
    found = SubstrateLine().fit(problem.train, problem.targets, 0).predict(problem.test)
    errors, known = np.abs(found.values - labels[N_TRAIN:]), is_known[N_TRAIN:]
    assert errors[known].max() < 0.1
    assert errors[~known].mean() < 0.6
    assert found.stds[known].max() < found.stds[~known].min()


def test_head_answers_unchanged_and_labels_only_choose_it(random: np.random.Generator) -> None:
    heads = random.normal(size=(N_ROWS, 2))
    problem = _problem(heads, heads[:, 1] + 0.1)
    kin = (LawColumn(SUBSTRATE, 0), LawColumn(SUBSTRATE, 1))
    found = SubstrateHead(kin).fit(problem.train, problem.targets, 0).predict(problem.test)
    np.testing.assert_array_equal(found.values, heads[N_TRAIN:, 1])
    with pytest.raises(ValueError, match="no head of the substrate states this quantity"):
        SubstrateHead().fit(problem.train, 1000.0 + problem.targets, 0)


def test_gate_keeps_labels_at_their_bound_and_errs_less_than_line_and_process(random: np.random.Generator) -> None:
    """Half of the labels are zero, as gaps of metals are, and the rest start at 1."""
    gap = random.normal(size=N_ROWS)
    heads = (gap + 0.1 * random.normal(size=N_ROWS))[:, None]
    problem = _problem(heads, np.where(gap > 0, 1.0 + gap, 0.0), n_train=60)
    fitted = GatedProcess().fit(problem.train, problem.targets, 0)
    values = fitted.predict(problem.test).values
    at_bound = problem.labels[60:] == 0
    assert (values >= 0).all()
    assert np.mean(values[at_bound] == 0) > 0.8
    gated = _error(GatedProcess(), problem)
    assert gated < 0.7 * _error(SubstrateLine(), problem)
    assert fitted.gate is not None
    # Far beyond all labels the curve of the law still says that the label is not at the bound.
    far = replace(problem.test, blocks={**problem.test.blocks, SUBSTRATE: np.full((40, 1), 30.0)})
    assert fitted.gate.probabilities(far).max() < 0.1


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0.0] * 6 + [1.0, 2.0, 3.0, 4.0, 5.0], Bound(0.0, is_lower=True)),
        ([7.0] * 6 + [1.0, 2.0, 3.0, 4.0, 5.0], Bound(7.0, is_lower=False)),
        ([2.0] * 6 + [1.0, 1.5, 3.0, 4.0, 5.0], None),
        ([0.0] * 9 + [1.0], None),
        ([0.0] * 10, None),
    ],
)
def test_bound_is_an_end_where_labels_pile_up(labels: list[float], expected: Bound | None) -> None:
    assert Bound.find(np.array(labels)) == expected


def test_judge_is_not_fooled_by_one_large_label(random: np.random.Generator) -> None:
    """25 dielectric constants, one of them 400: in their unit that one decides, and it favours the constant."""
    labels = np.append(random.uniform(2.0, 20.0, size=24), 400.0)
    splits = grouped_folds([f"row{row}" for row in range(25)], 0, 3)
    logs = np.log10(labels)
    noise = np.abs(0.08 * random.normal(size=25))
    median = np.abs(np.median(logs) - logs)
    wrong = np.append(np.abs(10.0 ** (logs[:24] + noise[:24]) - labels[:24]), 650.0)
    apart = np.abs(np.median(labels) - labels)
    assert wrong.mean() > apart.mean()

    def by_split(errors: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        return tuple(errors[split.test] for split in splits)

    on_scale = np.append(noise[:24], 0.42)
    model = Candidate(MODEL, by_split(wrong), is_transfer=True, fit_errors=by_split(on_scale))
    constant = Candidate(MEDIAN, by_split(apart), is_transfer=False, fit_errors=by_split(median))
    judged = judge([model, constant], 1 / 9, median=MEDIAN, default=MODEL)
    assert (judged.chosen, judged.verdict) == (MODEL, Verdict.HELPS)
    assert judged.named(MEDIAN).beats_chosen is Verdict.HURTS


@pytest.mark.parametrize(("advantage", "expected"), [(0.05, MODEL), (1.0, MEDIAN)])
def test_constant_serves_on_overwhelming_evidence_only(
    advantage: float, expected: str, random: np.random.Generator
) -> None:
    errors = [1.0 + 0.5 * random.normal(size=3) for _ in range(30)]
    other = [rows - advantage + 0.5 * random.normal(size=3) for rows in errors]
    model = Candidate(MODEL, tuple(errors), is_transfer=True)
    judged = judge([model, Candidate(MEDIAN, tuple(other), is_transfer=False)], 1 / 9, MEDIAN, MODEL)
    assert np.mean(other) < np.mean(errors)
    assert judged.chosen == expected


def test_intervals_of_25_labels_cover_in_the_mean_of_heavy_tailed_draws() -> None:
    """Labels with the tails of Student's t at 3 degrees, one fit a fold, three repeats: 84 % at least, of 90 asked."""
    shares = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        labels = generator.standard_t(3, size=25)
        splits = grouped_folds([f"row{row}" for row in range(25)], seed, 3)
        values = [np.full(len(split.test), np.median(labels[split.train])) for split in splits]
        stds = [np.full(len(split.test), 1.0) for split in splits]
        found = calibrate(OutOfFold.gather([split.test for split in splits], values, stds, labels))
        new = generator.standard_t(3, size=400)
        shares.append(np.mean(np.abs(new - np.median(labels)) <= found.half_widths(np.ones(400), 0.9)))
    assert np.mean(shares) >= 0.905
    assert np.quantile(shares, 0.05) >= 0.78


def test_kin_of_a_property_follow_from_name_unit_and_scale() -> None:
    heads = ("formation_energy_mp2018_eV_atom", "band_gap_pbe_mp2018_eV", "e_above_hull_mp2021_eV_atom")
    gaps = kin_columns(heads, 1, "band_gap_exp_eV", "eV", TransformKind.NONE)
    assert [(column.block, column.column) for column in gaps] == [(SUBSTRATE, 1), ("fidelity_estimates", 0)]
    enthalpy = kin_columns(heads, 1, "formation_enthalpy_exp_eV_atom", "eV/atom", TransformKind.NONE)
    assert [column.column for column in enthalpy] == [0]
    assert kin_columns(heads, 1, "band_gap", "eV", TransformKind.LOG10) == ()
    assert kin_columns(heads, 1, "heat_all_eV_cell", "eV/cell", TransformKind.NONE) == ()
    assert states_by_name("exfoliation_energy", "eV/atom") is None


def test_best_simple_is_the_best_of_head_line_and_median() -> None:
    found = best_simple({"block_gp": 0.1, "substrate_head": 0.36, "substrate_line": 0.4, MEDIAN: 1.0})
    assert found is not None
    assert (found.strategy, found.error) == ("substrate_head", 0.36)
    assert best_simple({"block_gp": 0.1}) is None


def test_errors_by_chemistry_tell_which_groups_stand_out(random: np.random.Generator) -> None:
    structures = _structures(40)
    holds_oxygen = np.array([8 in structure.atomic_numbers for structure in structures])
    errors = np.where(holds_oxygen, 3.0, 1.0) + 0.1 * random.normal(size=40)
    found = {(row.kind, row.name): row for row in group_errors(structures, errors, 2 * errors, ~holds_oxygen)}
    oxygen = found["element", "O"]
    assert oxygen.is_beyond_noise
    assert oxygen.excess == pytest.approx(2.0, abs=0.2)
    assert oxygen.n_rows == int(holds_oxygen.sum())
    assert oxygen.simple_mae == pytest.approx(2 * oxygen.mae)
    assert found["formula", "seen"].mae == pytest.approx(errors[~holds_oxygen].mean())
    assert not any(row.kind == "formula" for row in group_errors(structures, errors, errors, None))


def _fitted(problem: LabelledProblem) -> FittedLine:
    return SubstrateLine().fit(problem.train, problem.targets, seed=0)


def _structures(n: int) -> Sequence[Structure]:
    known = list(specimens().values())
    return [known[row % len(known)] for row in range(n)]
