from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from epitaxy_models.errors import CheckpointError
from epitaxy_models.testing.equivalent_cells import scaled
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.transfer.descriptors import DESCRIPTOR_NAMES, describe
from epitaxy_models.transfer.inputs import DESCRIPTORS, TransferInputs
from epitaxy_models.transfer.strategies import restore
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest, FittedForest
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState

MakeInputs = Callable[..., TransferInputs]
RoundTrip = Callable[[FittedStrategy], FittedStrategy]
Problem = tuple[TransferInputs, np.ndarray]
SMALL = DescriptorForest(n_trees=20, share_of_features=0.7)


@pytest.fixture(scope="module")
def problem(make_inputs: MakeInputs) -> Problem:
    """200 rows whose labels step and bend in two of six descriptors."""
    block = np.random.default_rng(0).normal(size=(200, 6))
    return make_inputs(descriptors=block), np.where(block[:, 0] > 0, 2.0, -1.0) + block[:, 3] ** 2


@pytest.fixture(scope="module")
def fitted(problem: Problem) -> FittedForest:
    inputs, labels = problem
    return SMALL.fit(inputs.take(np.arange(120)), labels[:120], seed=3)


def test_answers_equal_scikit_learns(problem: Problem, fitted: FittedForest) -> None:
    inputs, labels = problem
    block = inputs.blocks[DESCRIPTORS]
    forest = ExtraTreesRegressor(20, max_features=SMALL.share_of_features, random_state=3).fit(
        block[:120], labels[:120]
    )
    prediction = fitted.predict(inputs)
    np.testing.assert_allclose(prediction.values, forest.predict(block), rtol=1e-12)
    spread = np.std([tree.predict(block) for tree in forest.estimators_], axis=0)
    np.testing.assert_allclose(prediction.stds, np.hypot(spread, fitted.least_std), rtol=1e-12)


def test_a_restored_forest_answers_to_the_last_bit(
    problem: Problem, fitted: FittedForest, stored_and_restored: RoundTrip
) -> None:
    inputs, _ = problem
    expected, found = fitted.predict(inputs), stored_and_restored(fitted).predict(inputs)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.stds, expected.stds)


def test_the_forest_learns(problem: Problem, fitted: FittedForest) -> None:
    inputs, labels = problem
    errors = np.abs(fitted.predict(inputs.take(np.arange(120, 200))).values - labels[120:])
    assert errors.mean() < 0.5 * np.abs(labels[120:] - np.median(labels[:120])).mean()


def test_equal_seeds_give_equal_forests_and_others_do_not(problem: Problem, fitted: FittedForest) -> None:
    inputs, labels = problem
    train = inputs.take(np.arange(120))
    again, other = SMALL.fit(train, labels[:120], seed=3), SMALL.fit(train, labels[:120], seed=4)
    np.testing.assert_array_equal(again.numbers, fitted.numbers)
    assert not np.array_equal(other.predict(inputs).values, fitted.predict(inputs).values)


def test_a_row_is_answered_alike_alone(problem: Problem, fitted: FittedForest) -> None:
    inputs, _ = problem
    together = fitted.predict(inputs).values
    alone = [fitted.predict(inputs.take(np.array([row]))).values[0] for row in range(5)]
    np.testing.assert_array_equal(alone, together[:5])


def test_an_error_is_expected_everywhere_and_more_of_it_off_the_training_rows(
    problem: Problem, fitted: FittedForest
) -> None:
    inputs, _ = problem
    stds = fitted.predict(inputs).stds
    np.testing.assert_allclose(stds[:120], fitted.least_std)
    assert (stds[120:] > 3 * fitted.least_std).mean() > 0.5


def test_equal_labels_give_a_constant_with_a_positive_error(make_inputs: MakeInputs) -> None:
    inputs = make_inputs(descriptors=np.random.default_rng(1).normal(size=(12, 4)))
    prediction = SMALL.fit(inputs, np.full(12, 2.5), seed=0).predict(inputs)
    np.testing.assert_allclose(prediction.values, 2.5)
    assert (prediction.stds > 0).all()


def test_real_descriptors_predict_a_volume(make_inputs: MakeInputs) -> None:
    cells = [scaled(cell, factor) for factor in np.linspace(0.9, 1.2, 12) for cell in specimens().values()]
    block = describe(cells)
    inputs, volumes = make_inputs(descriptors=block), block[:, DESCRIPTOR_NAMES.index("log_volume_per_atom")]
    train, test = np.split(np.random.default_rng(2).permutation(len(cells)), 2)
    fitted = DescriptorForest().fit(inputs.take(train), volumes[train], seed=0)
    assert np.abs(fitted.predict(inputs.take(test)).values - volumes[test]).mean() < 0.1


def test_descriptors_of_another_version_are_refused(make_inputs: MakeInputs, fitted: FittedForest) -> None:
    with pytest.raises(CheckpointError, match="forest of 6 descriptors, 7 given: fit it anew"):
        fitted.predict(make_inputs(descriptors=np.zeros((2, 7))))


@pytest.mark.parametrize(
    "change",
    [
        {"children": np.zeros_like},
        {"children": lambda children: children + np.int32(len(children))},
        {"roots": lambda roots: roots - np.int32(1)},
        {"features": lambda features: features + np.int16(6)},
    ],
    ids=["circle", "child outside", "root outside", "feature outside"],
)
def test_a_damaged_tree_is_refused_before_it_is_walked(fitted: FittedForest, change: dict) -> None:
    state = fitted.state()
    tensors = {name: change.get(name, lambda array: array)(array) for name, array in state.tensors.items()}
    with pytest.raises(CheckpointError, match="points outside of it or backwards"):
        restore(StrategyState(state.kind, state.settings, tensors))


def test_arrays_of_unequal_length_are_refused(fitted: FittedForest) -> None:
    with pytest.raises(CheckpointError, match="disagree in length"):
        replace(fitted, numbers=fitted.numbers[:-1])
