"""The contract of transfer strategies, held by every strategy of the default field."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.data.crystals import bundled_structures
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.testing.strategy_contract import (
    LabelledProblem,
    StrategyContract,
    StrategyTolerances,
    crystal_problem,
    smooth_problem,
)
from epitaxy_models.transfer.contest.field import default_field
from epitaxy_models.transfer.inputs import SUBSTRATE, TransferInputs
from epitaxy_models.transfer.strategies import (
    BlockGP,
    EmbeddingRidge,
    GatedProcess,
    PoolMedian,
    SubstrateHead,
    SubstrateLine,
)
from epitaxy_models.transfer.strategies.anchored_forest import AnchoredForest
from epitaxy_models.transfer.strategies.block_gp import WITHOUT_PEERS
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest
from epitaxy_models.transfer.strategies.full_forest import FullForest
from epitaxy_models.transfer.strategies.laws import LawColumn
from epitaxy_models.transfer.strategies.networks.fine_tune import FullFineTune, PartialFineTune, ScratchNetwork
from epitaxy_models.transfer.strategies.networks.training import TrainingPlan
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState, TransferPrediction, TransferStrategy

PLAN = TrainingPlan(max_epochs=2, batch_size=16, rate=2e-3, depth_decay=0.5, check_every=1, patience=2)


class TestBlockGP(StrategyContract):
    def strategy(self) -> TransferStrategy:
        return BlockGP()


class TestBlockGPWithoutPeers(StrategyContract):
    def strategy(self) -> TransferStrategy:
        return BlockGP(without_peers=True, name=WITHOUT_PEERS)


class TestGatedProcess(StrategyContract):
    def strategy(self) -> TransferStrategy:
        return GatedProcess()


class TestGatedProcessBehindAGate(StrategyContract):
    """Half of the labels at a bound; a row that moves from one side of the gate to the other moves far."""

    tolerances = StrategyTolerances(order_of_labels=1e-2, other_unit=1e-2)

    def strategy(self) -> TransferStrategy:
        return GatedProcess()

    def problem(self) -> LabelledProblem:
        smooth = smooth_problem()
        return LabelledProblem(smooth.inputs, np.maximum(smooth.labels, 0.0), smooth.n_train)


class TestSubstrateLine(StrategyContract):
    def strategy(self) -> TransferStrategy:
        return SubstrateLine()


class TestSubstrateHead(StrategyContract):
    """Labels change nothing that it answers."""

    tolerances = StrategyTolerances(other_unit=None)

    def strategy(self) -> TransferStrategy:
        return SubstrateHead(kin=(LawColumn(SUBSTRATE, 0), LawColumn(SUBSTRATE, 1)))


class TestEmbeddingRidge(StrategyContract):
    def strategy(self) -> TransferStrategy:
        return EmbeddingRidge()


class TestPoolMedian(StrategyContract):
    def strategy(self) -> TransferStrategy:
        return PoolMedian()


class TestDescriptorForest(StrategyContract):
    """Two rows in a node are told apart as well by any descriptor: rounding decides, and with it the labels' unit.

    A factor of 1024 instead of 1000, which rounds nothing, gives the same forest to the last bit.
    """

    tolerances = StrategyTolerances(order_of_labels=None, other_unit=0.2)

    def test_a_power_of_two_as_unit_gives_the_same_forest(self) -> None:
        scaled = self.strategy().fit(self.problem().train, 1024.0 * self.problem().targets, seed=1)
        self._assert_close(scaled, self._fitted(), 1e-12, scale=1024.0)

    def strategy(self) -> TransferStrategy:
        return DescriptorForest(n_trees=20)


class TestFullForest(StrategyContract):
    """As of descriptors alone: rounding decides between equal splits. The embedding is projected, which rounds too."""

    tolerances = StrategyTolerances(order_of_labels=None, other_unit=0.2)

    def strategy(self) -> TransferStrategy:
        return FullForest(n_trees=20)


class TestAnchoredForest(StrategyContract):
    """Rounding decides between equal splits of the residuals; a line through labels in another unit is no ``y = x``."""

    tolerances = StrategyTolerances(order_of_labels=None, other_unit=0.2)

    def strategy(self) -> TransferStrategy:
        return AnchoredForest()


class Network(StrategyContract):
    """Float32 sums in another order, and minibatches in the order of the rows."""

    tolerances = StrategyTolerances(same_row=1e-4, order_of_labels=None, other_unit=2e-2)

    def problem(self) -> LabelledProblem:
        return small_crystals()


class TestScratchNetwork(Network):
    def strategy(self) -> TransferStrategy:
        return ScratchNetwork(BackboneConfig(n_members=2, width=8, n_layers=2), PLAN)


class TestPartialFineTune(Network):
    def strategy(self) -> TransferStrategy:
        return PartialFineTune(load_artifact(shipped_model()), n_members=1, plan=PLAN)


class TestFullFineTune(Network):
    def strategy(self) -> TransferStrategy:
        return FullFineTune(load_artifact(shipped_model()), n_members=1, plan=PLAN)


def small_crystals() -> LabelledProblem:
    small = [structure for structure in bundled_structures() if structure.n_sites <= 4]
    rows = np.random.default_rng(0).permutation(len(small))[:36]
    return crystal_problem([small[row] for row in rows], n_train=28)


def test_every_strategy_of_the_default_field_is_under_contract() -> None:
    tested = {
        kind().strategy().name for kind in globals().values() if isinstance(kind, type) and kind.__name__[:4] == "Test"
    }
    assert tested == set(default_field(load_artifact(shipped_model()), with_peers=True).named())


@dataclass(frozen=True)
class _Fitted:
    """The mean of the labels, with one fault."""

    mean: float
    std: float
    fault: str

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        values = np.full(inputs.n_rows, self.mean)
        if self.fault == "batch":
            values += np.linspace(0, 1, inputs.n_rows)
        stds = np.full(inputs.n_rows, 0.0 if self.fault == "certain" else self.std)
        return TransferPrediction(values.astype(np.float32) if self.fault == "dtype" else values, stds)

    def state(self) -> StrategyState:
        mean = self.mean + (self.fault == "storage")
        return StrategyState("pool_median", {"value": mean, "std": self.std}, {})


class _Faulty:
    name = "faulty"
    n_fits = 0

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def fit(self, inputs: TransferInputs, targets: NDArray[np.float64], seed: int) -> FittedStrategy:
        _Faulty.n_fits += 1
        mean = float(targets.mean())
        if self.fault == "order":
            mean = float(targets[0])
        if self.fault == "unit":
            mean = float(np.clip(mean, -1, 1))
        if self.fault == "zero":
            mean *= 0.9
        if self.fault == "random":
            mean += _Faulty.n_fits
        return _Fitted(mean, max(float(targets.std()), 1e-9), self.fault)


def contract_of(fault: str) -> StrategyContract:
    class Faulty(StrategyContract):
        def strategy(self) -> TransferStrategy:
            return _Faulty(fault)

        def problem(self) -> LabelledProblem:
            problem = super().problem()
            return replace(problem, labels=problem.labels + 0.5)

    return Faulty()


TESTS = [name for name in dir(StrategyContract) if name.startswith("test_")]


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("dtype", "test_a_row_gets_a_finite_value_and_a_positive_expected_error"),
        ("certain", "test_a_row_gets_a_finite_value_and_a_positive_expected_error"),
        ("random", "test_same_seed_gives_the_same_fit"),
        ("batch", "test_a_row_is_predicted_alike_alone_and_among_others"),
        ("batch", "test_predictions_follow_the_order_of_the_rows"),
        ("order", "test_the_order_of_the_labels_does_not_matter"),
        ("unit", "test_labels_in_another_unit_give_the_same_model_in_that_unit"),
        ("zero", "test_labels_from_another_zero_give_the_same_model_from_that_zero"),
        ("zero", "test_equal_labels_are_predicted_again"),
        ("storage", "test_a_stored_fit_predicts_the_same"),
    ],
)
def test_contract_catches(fault: str, test: str) -> None:
    with pytest.raises(AssertionError, match=r"differ by|dtype|is zero|Not equal"):
        getattr(contract_of(fault), test)()


@pytest.mark.parametrize("test", TESTS)
def test_contract_is_kept_by_the_plain_mean(test: str) -> None:
    """What the faulty strategies are without their faults: each fails for its fault alone."""
    getattr(contract_of("none"), test)()
