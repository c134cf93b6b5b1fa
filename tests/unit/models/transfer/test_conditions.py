"""Conditions from values to blocks, through the strategies that read them, to verdicts."""

from collections.abc import Callable

import numpy as np
import pytest

from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.transfer.conditions.blocks import condition_block
from epitaxy_models.transfer.conditions.condition import Condition, ConditionColumn, value_keys
from epitaxy_models.transfer.conditions.scope import with_conditions
from epitaxy_models.transfer.conditions.units import can_convert, converted
from epitaxy_models.transfer.features import under_conditions
from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, SUBSTRATE, TransferInputs, without_conditions
from epitaxy_models.transfer.labels.check import check_labels
from epitaxy_models.transfer.labels.digest import labels_digest
from epitaxy_models.transfer.strategies import BlockGP, EmbeddingRidge, GatedProcess, SubstrateLine
from epitaxy_models.transfer.strategies.anchored_forest import AnchoredForest
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest
from epitaxy_models.transfer.strategies.full_forest import FullForest
from epitaxy_models.transfer.strategy import FittedStrategy

MakeInputs = Callable[..., TransferInputs]
ROUTES = np.array(["flux", "sol-gel", None], dtype=object)
TRAIN, TEST = np.arange(72), np.arange(72, 120)


@pytest.fixture(scope="module")
def problem(make_inputs: MakeInputs) -> tuple[TransferInputs, np.ndarray]:
    """40 crystals at three temperatures each: the slope depends on the crystal, and one route adds a constant."""
    random = np.random.default_rng(8)
    latent = np.repeat(random.normal(size=(40, 2)), 3, axis=0)
    temperature = random.uniform(300, 900, size=120)
    route = random.choice(np.array(["flux", "sol-gel"], dtype=object), size=120)
    inputs = make_inputs(
        **{
            DESCRIPTORS: np.tanh(latent @ random.normal(size=(2, 8))),
            EMBEDDING: latent @ random.normal(size=(2, 12)),
            SUBSTRATE: latent[:, :1] + 0.1 * random.normal(size=(120, 1)),
        }
    )
    slope = 1 + 0.7 * latent[:, 0]
    labels = latent[:, 1] + slope * (temperature - 600) / 170 + 0.8 * (route == "flux")
    values = {"temperature": temperature, "route": route}
    conditions = [Condition.learned(name, column, "K") for name, column in values.items()]
    return under_conditions(inputs, conditions, values), labels + 0.05 * random.normal(size=120)


def _unknown(inputs: TransferInputs, name: str) -> TransferInputs:
    conditions = [Condition.learned(key, values, "K") for key, values in inputs.conditions.items()]
    return under_conditions(inputs, conditions, {key: v for key, v in inputs.conditions.items() if key != name})


STRATEGIES = (
    BlockGP(),
    DescriptorForest(n_trees=40),
    EmbeddingRidge(),
    FullForest(n_trees=40),
    AnchoredForest(),
    SubstrateLine(),
    GatedProcess(),
)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)
def test_a_strategy_learns_from_conditions_and_widens_where_one_is_unknown(
    problem: tuple[TransferInputs, np.ndarray],
    strategy: BlockGP,
    stored_and_restored: Callable[[FittedStrategy], FittedStrategy],
) -> None:
    inputs, labels = problem
    train, test = inputs.take(TRAIN), inputs.take(TEST)
    fitted = strategy.fit(train, labels[TRAIN], seed=0)
    alone = strategy.fit(without_conditions(train), labels[TRAIN], seed=0)
    known = fitted.predict(test)
    error = np.abs(known.values - labels[TEST]).mean()
    assert error < 0.75 * np.abs(alone.predict(without_conditions(test)).values - labels[TEST]).mean()
    for name in ("temperature", "route"):
        unknown = fitted.predict(_unknown(test, name))
        assert np.median(unknown.stds / known.stds) > 1.02
        assert (unknown.stds >= known.stds - 1e-9).mean() > 0.95
        # What the interval says of an unknown temperature is what the temperature does.
        assert np.abs(unknown.values - labels[TEST]).mean() < 2 * unknown.stds.mean()
    restored = stored_and_restored(fitted).predict(test)
    np.testing.assert_array_equal(restored.values, known.values)
    np.testing.assert_array_equal(restored.stds, known.stds)
    if isinstance(strategy, BlockGP):
        # One slope for all crystals would leave 0.7 times the spread of the slopes: 0.4 in the mean.
        assert error < 0.25
        assert sum(fitted.block_weights().values()) < 1


def test_an_unknown_value_is_the_mean_and_an_unseen_category_unknown() -> None:
    number = Condition.learned("t", np.array([300.0, np.nan, 900.0]), "K")
    assert (number.low, number.high, number.n_missing, number.covered) == (300.0, 900.0, 1, "300 to 900 K")
    assert condition_block(number, np.array([300.0, np.nan])).tolist() == [[300.0, 1.0], [0.0, 0.0]]
    category = Condition.learned("route", ROUTES)
    assert category.categories == ("flux", "sol-gel")
    asked = np.array(["sol-gel", "melt", None], dtype=object)
    assert condition_block(category, asked).tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 0]]
    for condition in (number, category):
        assert Condition.from_json(condition.as_json()) == condition


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.full(3, np.nan), "no label has it"),
        (np.array([1.0, np.inf]), "infinite"),
        (np.array([f"batch {n}" for n in range(40)], dtype=object), "40 categories, 32 are allowed"),
    ],
)
def test_what_is_no_condition_is_refused(values: np.ndarray, match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        Condition.learned("c", values)


def test_whole_numbers_are_no_categories() -> None:
    with pytest.raises(ConfigurationError, match="values of a condition are int64: give float64"):
        ConditionColumn(np.array([1, 2]))


def test_values_of_another_type_are_refused(make_inputs: MakeInputs) -> None:
    inputs = make_inputs(**{EMBEDDING: np.zeros((3, 2))})
    temperature, route = Condition("t", "K", low=1.0, high=2.0), Condition("route", categories=("flux",))
    for condition, values in ((temperature, ROUTES), (route, np.zeros(3)), (temperature, np.array([1.0, 2.0, np.inf]))):
        with pytest.raises(ConfigurationError, match=f"condition '{condition.name}': give"):
            under_conditions(inputs, [condition], {condition.name: values})


@pytest.mark.parametrize(
    ("given", "wanted", "value", "expected"),
    [
        ("degC", "K", 25.0, 298.15),
        ("K", "C", 300.0, 26.85),
        ("GPa", "bar", 1.0, 1e4),
        ("h", "min", 1.5, 90.0),
        ("K/min", "K/s", 60.0, 1.0),
        ("%", "1", 5.0, 0.05),
        ("", "K", 7.0, 7.0),
        ("atm", "kPa", 1.0, 101.325),
    ],
)
def test_units_convert(given: str, wanted: str, value: float, expected: float) -> None:
    assert converted(np.array([value]), given, wanted)[0] == pytest.approx(expected)


@pytest.mark.parametrize(("given", "wanted"), [("GPa", "K"), ("K", ""), ("sccm", "mol"), ("at%", "wt%")])
def test_units_of_other_things_do_not_convert(given: str, wanted: str) -> None:
    assert not can_convert(given, wanted)
    with pytest.raises(ConfigurationError, match=f"'flow' is given in {given}, which does not convert"):
        converted(np.ones(1), given, wanted, "flow")


def test_the_verdict_tells_what_the_labels_do_not_cover() -> None:
    conditions = [Condition("t", "K", low=300.0, high=900.0), Condition("route", categories=("flux", "sol-gel"))]
    fine = DomainScore(0.2, DomainVerdict.IN_DOMAIN, "")
    far = DomainScore(1.0, DomainVerdict.OUT_OF_DOMAIN, "far away")
    values = {
        "t": np.array([950.0, 1000.0, np.nan, 100.0]),
        "route": np.array(["flux", None, "melt", "flux"], dtype=object),
    }
    told = with_conditions([fine, fine, fine, far], conditions, values)
    assert told[0] == fine
    assert told[1].verdict is told[2].verdict is DomainVerdict.BORDERLINE
    assert told[1].reason == "t is 1000 K, and the labels cover 300 to 900 K"
    assert told[2].reason == "no label has route 'melt', only flux, sol-gel"
    reason = "far away; t is 100 K, and the labels cover 300 to 900 K"
    assert told[3] == DomainScore(1.0, DomainVerdict.OUT_OF_DOMAIN, reason)


def test_one_crystal_at_several_temperatures_is_no_contradiction() -> None:
    structures = list(specimens().values())[:6]
    rows = [(f"row-{n}", structures[n // 4]) for n in range(24)]
    labels = np.array([1.0, 5.0, 9.0, 9.2] * 6) + np.repeat(np.arange(6) * 0.1, 4)
    temperature = np.array([300.0, 600.0, 900.0, 900.0 + 1e-10] * 6)
    merged = check_labels(rows, labels, "K").check
    assert (merged.n_usable, len(merged.duplicates)) == (6, 6)
    assert all(group.is_conflicting for group in merged.duplicates)
    checked = check_labels(rows, labels, "K", conditions=[temperature])
    assert (checked.check.n_usable, checked.check.n_merged) == (18, 6)
    assert [group.rows for group in checked.check.duplicates][:2] == [(2, 3), (6, 7)]
    assert not any(group.is_conflicting for group in checked.check.duplicates)
    assert checked.replicate_std == pytest.approx(1.4826 * 0.1 * np.sqrt(2), rel=0.01)
    np.testing.assert_allclose(checked.labels[:3], [1.0, 5.0, 9.1])


def test_rows_of_unknown_conditions_are_replicates_of_each_other_only() -> None:
    keys = value_keys([np.array([300.0, np.nan, np.nan]), np.array(["a", None, None], dtype=object)], 3)
    assert keys[1] == keys[2] != keys[0]
    assert value_keys([], 2) == [(), ()]


def test_the_digest_holds_conditions_and_is_as_before_without() -> None:
    structures = list(specimens().values())[:2]
    labels = np.array([1.0, 2.0])
    plain = labels_digest(["a", "b"], structures, labels)
    assert plain == labels_digest(["b", "a"], structures[::-1], labels[::-1], {})
    cold, warm = ({"t": np.array([t, np.nan]), "route": ROUTES[:2]} for t in (300.0, 400.0))
    assert len({plain, *(labels_digest(["a", "b"], structures, labels, under) for under in (cold, warm))}) == 3
    swapped = dict(reversed(cold.items()))
    assert labels_digest(["a", "b"], structures, labels, swapped) == labels_digest(["a", "b"], structures, labels, cold)
