"""What every transfer strategy must satisfy, as tests to inherit.

A test module subclasses ``StrategyContract`` and gives ``strategy`` and ``problem``; pytest runs the inherited tests::

    class TestMyStrategy(StrategyContract):
        def strategy(self):
            return MyStrategy()

        def problem(self):
            return smooth_problem()
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.structures.structure import Structure
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.strategies import restore
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState, TransferPrediction, TransferStrategy

_SEED = 1


@dataclass(frozen=True, slots=True, eq=False)
class LabelledProblem:
    """Rows to learn from and rows to predict.

    Attributes:
        inputs: All rows.
        labels: Of all rows, ``[n_rows]``.
        n_train: The first so many rows are learned from.
    """

    inputs: TransferInputs
    labels: NDArray[np.float64]
    n_train: int

    @property
    def train(self) -> TransferInputs:
        """Rows to learn from."""
        return self.inputs.take(np.arange(self.n_train))

    @property
    def targets(self) -> NDArray[np.float64]:
        """Labels of these."""
        return self.labels[: self.n_train]

    @property
    def test(self) -> TransferInputs:
        """Rows to predict."""
        return self.inputs.take(np.arange(self.n_train, len(self.labels)))


@dataclass(frozen=True, slots=True)
class StrategyTolerances:
    """Largest differences allowed between predictions, in units of the labels' standard deviation.

    Attributes:
        same_row: One row alone and among others.
        order_of_labels: Fits to the same rows in another order. None: the order is part of the fit, because it decides
            the minibatches or the random splits.
        other_unit: A fit to the same labels in another unit or from another zero, converted back. None: the strategy
            answers in a unit and from a zero of its own, whatever the labels are.
    """

    same_row: float = 1e-6
    order_of_labels: float | None = 1e-3
    other_unit: float | None = 1e-3


class StrategyContract:
    """Shapes, batches, units, determinism and storage of a strategy."""

    tolerances = StrategyTolerances()

    def strategy(self) -> TransferStrategy:
        """The strategy under test; the subclass gives it."""
        raise NotImplementedError("a subclass of StrategyContract gives strategy")

    def problem(self) -> LabelledProblem:
        """Rows that the strategy can learn from; a subclass may give others."""
        return smooth_problem()

    def test_a_row_gets_a_finite_value_and_a_positive_expected_error(self) -> None:
        """Float64 ``[n_rows]`` each."""
        found = self._fitted().predict(self.problem().test)
        for part in (found.values, found.stds):
            assert part.shape == (self.problem().test.n_rows,), f"shape {part.shape}"
            assert part.dtype == np.float64, f"dtype {part.dtype}"
            assert np.isfinite(part).all(), "a prediction is not finite"
        assert (found.stds > 0).all(), "an expected error is zero"

    def test_no_rows_give_no_predictions(self) -> None:
        """Shape ``[0]``."""
        found = self._fitted().predict(self.problem().test.take(np.zeros(0, dtype=np.int64)))
        assert found.values.shape == found.stds.shape == (0,), f"shapes {found.values.shape}, {found.stds.shape}"

    def test_same_seed_gives_the_same_fit(self) -> None:
        """To the last bit."""
        self._assert_close(self._fit(self.problem().targets), self._fitted(), 0.0)

    def test_a_row_is_predicted_alike_alone_and_among_others(self) -> None:
        """Within ``same_row``."""
        test = self.problem().test
        together = self._fitted().predict(test)
        alone = [self._fitted().predict(test.take(np.array([row]))) for row in range(min(5, test.n_rows))]
        values, stds = (np.concatenate(parts) for parts in zip(*((p.values, p.stds) for p in alone), strict=True))
        first = TransferPrediction(together.values[: len(alone)], together.stds[: len(alone)])
        self._assert_same(TransferPrediction(values, stds), first, self.tolerances.same_row)

    def test_predictions_follow_the_order_of_the_rows(self) -> None:
        """Reversed rows give reversed predictions, within ``same_row``."""
        test = self.problem().test
        there, back = (self._fitted().predict(test.take(rows)) for rows in _both_ways(test.n_rows))
        self._assert_same(TransferPrediction(back.values[::-1], back.stds[::-1]), there, self.tolerances.same_row)

    def test_the_order_of_the_labels_does_not_matter(self) -> None:
        """Within ``order_of_labels``, unless that is None."""
        if self.tolerances.order_of_labels is None:
            return
        problem = self.problem()
        rows = np.random.default_rng(0).permutation(problem.n_train)
        other = self.strategy().fit(problem.train.take(rows), problem.targets[rows], seed=_SEED)
        self._assert_close(other, self._fitted(), self.tolerances.order_of_labels)

    def test_labels_in_another_unit_give_the_same_model_in_that_unit(self) -> None:
        """Labels in meV give the predictions and expected errors in eV, times 1000, within ``other_unit``."""
        if self.tolerances.other_unit is None:
            return
        scaled = self._fit(1000.0 * self.problem().targets)
        self._assert_close(scaled, self._fitted(), self.tolerances.other_unit, scale=1000.0)

    def test_labels_from_another_zero_give_the_same_model_from_that_zero(self) -> None:
        """A constant that is added to all labels is added to all predictions, within ``other_unit``."""
        if self.tolerances.other_unit is None:
            return
        shift = 5.0 * float(self.problem().targets.std())
        shifted = self._fit(self.problem().targets + shift)
        self._assert_close(shifted, self._fitted(), self.tolerances.other_unit, shift=shift)

    def test_equal_labels_are_predicted_again(self) -> None:
        """A property that never varies is no reason to fail."""
        value = float(self.problem().targets[0])
        found = self._fit(np.full(self.problem().n_train, value)).predict(self.problem().test)
        assert np.isfinite(found.values).all(), "a prediction is not finite"
        assert np.isfinite(found.stds).all(), "an expected error is not finite"
        if self.tolerances.other_unit is not None:
            np.testing.assert_allclose(found.values, value, atol=1e-6 * max(1.0, abs(value)))

    def test_a_stored_fit_predicts_the_same(self) -> None:
        """To the last bit, after JSON and npz without pickles."""
        self._assert_close(stored_and_restored(self._fitted()), self._fitted(), 0.0)

    def test_a_damaged_state_is_refused(self) -> None:
        """With a CheckpointError, and no half of a model."""
        kind = self._fitted().state().kind
        for state in (StrategyState(kind, {}, {}), StrategyState("unheard_of", {}, {})):
            try:
                restore(state)
            except CheckpointError:
                continue
            raise AssertionError(f"a damaged state of {state.kind} was restored")

    def test_a_strategy_is_named_as_jobs_and_reports_name_it(self) -> None:
        """Snake case."""
        name = self.strategy().name
        assert name.isidentifier(), f"{name!r} is not an identifier"
        assert name == name.lower(), f"{name!r} is not snake case"

    def _fit(self, targets: NDArray[np.float64]) -> FittedStrategy:
        return self.strategy().fit(self.problem().train, targets, seed=_SEED)

    def _fitted(self) -> FittedStrategy:
        return _fit_once(type(self))  # type: ignore[arg-type]  # a class is hashable; mypy takes its instances' __hash__

    def _assert_close(
        self,
        found: FittedStrategy,
        expected: FittedStrategy,
        tolerance: float,
        scale: float = 1.0,
        shift: float = 0.0,
    ) -> None:
        prediction = found.predict(self.problem().test)
        converted = TransferPrediction((prediction.values - shift) / scale, prediction.stds / scale)
        self._assert_same(converted, expected.predict(self.problem().test), tolerance)

    def _assert_same(self, found: TransferPrediction, expected: TransferPrediction, tolerance: float) -> None:
        spread = float(self.problem().targets.std())
        for name in ("values", "stds"):
            difference = float(np.abs(getattr(found, name) - getattr(expected, name)).max()) / spread
            assert difference <= tolerance, f"{name} differ by {difference:.3g} spreads, more than {tolerance:g}"


@cache
def _fit_once(contract: type[StrategyContract]) -> FittedStrategy:
    return contract()._fit(contract().problem().targets)


@cache
def smooth_problem(n_rows: int = 100, n_train: int = 70) -> LabelledProblem:
    """Labels smooth in the descriptors and linear in the substrate's predictions, with noise of 0.1.

    Structures and graphs repeat a few specimens: only strategies that read blocks can learn from it.
    """
    random = np.random.default_rng(5)
    latent = random.normal(size=(n_rows, 3))
    labels = np.sin(latent[:, 0]) + latent[:, 1] + 0.1 * random.normal(size=n_rows)
    blocks = {
        DESCRIPTORS: np.tanh(latent @ random.normal(size=(3, 12))),
        EMBEDDING: latent @ random.normal(size=(3, 20)) + 0.1 * random.normal(size=(n_rows, 20)),
        SUBSTRATE: latent[:, 1:] + 0.3 * random.normal(size=(n_rows, 2)),
    }
    known = [(structure, build_graph(structure)) for structure in specimens().values()]
    chosen = [known[row % len(known)] for row in range(n_rows)]
    return LabelledProblem(_inputs(chosen, blocks), labels, n_train)


def crystal_problem(structures: Sequence[Structure], n_train: int) -> LabelledProblem:
    """A property of the geometry, the length of an atom's share of the cell, for strategies that read graphs."""
    labels = np.array([500.0 - 60.0 * np.cbrt(structure.volume / structure.n_sites) for structure in structures])
    return LabelledProblem(_inputs([(s, build_graph(s)) for s in structures], {}), labels, n_train)


def stored_and_restored(fitted: FittedStrategy) -> FittedStrategy:
    """A fitted strategy after its state went through JSON and npz."""
    state = fitted.state()
    file = io.BytesIO()
    np.savez(file, **state.tensors)  # type: ignore[arg-type]  # numpy takes the arrays for its own flag
    file.seek(0)
    with np.load(file, allow_pickle=False) as tensors:
        return restore(replace(state, settings=json.loads(json.dumps(state.settings)), tensors=dict(tensors)))


def _inputs(chosen: Sequence[tuple[Structure, CrystalGraph]], blocks: dict[str, NDArray[np.float64]]) -> TransferInputs:
    structures, graphs = zip(*chosen, strict=True)
    return TransferInputs(structures, graphs, blocks)


def _both_ways(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.arange(n), np.arange(n)[::-1]
