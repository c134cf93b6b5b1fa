from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.conditions.condition import Condition
from epitaxy_models.transfer.features import under_conditions
from epitaxy_models.transfer.inputs import DESCRIPTORS, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind
from epitaxy_models.transfer.physics.bounded import Bounded, Ordered
from epitaxy_models.transfer.physics.label_scale import LabelScale
from epitaxy_models.transfer.physics.law import PhysicsLaw, values_of
from epitaxy_models.transfer.physics.monotone import Monotone
from epitaxy_models.transfer.physics.thermal import Arrhenius, Softening
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.strategies.fitted_physics import FittedPhysicsProcess
from epitaxy_models.transfer.strategies.physics_process import PhysicsProcess
from epitaxy_models.transfer.strategy import FittedStrategy

MakeInputs = Callable[..., TransferInputs]
PLAIN = LabelScale(TargetTransform(TransformKind.NONE))
LOG10 = LabelScale(TargetTransform(TransformKind.LOG10))
NOISE = 0.1


@dataclass(frozen=True)
class World:
    """A synthetic truth: 30 structures to learn from and 60 more, with parameters that features explain."""

    make_inputs: MakeInputs
    law: PhysicsLaw
    scale: LabelScale
    parameters: np.ndarray
    features: Mapping[str, np.ndarray]

    @classmethod
    def of(
        cls, make_inputs: MakeInputs, law: PhysicsLaw, scale: LabelScale, middles: list[float], spreads: list[float]
    ) -> "World":
        random = np.random.default_rng(11)
        latent = random.normal(size=(90, 3))
        functions = np.stack([latent[:, 0] + 0.3 * np.sin(latent[:, 1]), latent[:, 1], latent[:, 2]], axis=1)
        features = {
            DESCRIPTORS: np.tanh(latent @ random.normal(size=(3, 10))),
            SUBSTRATE: latent[:, 1:] + 0.3 * random.normal(size=(90, 2)),
        }
        known = functions[:, : len(middles)] * spreads + middles
        lower = [max(parameter.lower, -1e9) for parameter in law.parameters]
        return cls(make_inputs, law, scale, np.maximum(known, lower), features)

    def rows(self, structures: range, conditions: list[float]) -> tuple[TransferInputs, np.ndarray]:
        """Every structure at every condition, and its noiseless target."""
        which = np.repeat(np.arange(structures.start, structures.stop), len(conditions))
        at = np.tile(conditions, len(structures))
        inputs = self.make_inputs(**{name: block[which] for name, block in self.features.items()})
        targets = self.scale.targets(values_of(self.law, self.parameters[which], at))
        return replace(inputs, conditions={self.law.condition: at}), targets

    def learned(self, conditions: list[float]) -> tuple[TransferInputs, np.ndarray]:
        inputs, targets = self.rows(range(30), conditions)
        return inputs, targets + NOISE * np.random.default_rng(3).normal(size=len(targets))


def _with_condition_block(inputs: TransferInputs, name: str) -> TransferInputs:
    """As a job prepares rows: the plain process reads the condition as a block."""
    values = dict(inputs.conditions)
    return under_conditions(inputs, [Condition.learned(name, values[name])], values)


@pytest.fixture(scope="module")
def arrhenius(make_inputs: MakeInputs) -> World:
    return World.of(make_inputs, Arrhenius("temperature_K"), LOG10, [11.0, 0.45], [1.5, 0.1])


@pytest.fixture(scope="module")
def fitted(arrhenius: World) -> FittedPhysicsProcess:
    inputs, targets = arrhenius.learned([300.0, 340.0, 390.0])
    return PhysicsProcess(arrhenius.law, LOG10).fit(_with_condition_block(inputs, "temperature_K"), targets, seed=0)


def test_activation_energies_are_recovered(arrhenius: World, fitted: FittedPhysicsProcess) -> None:
    seen, new = arrhenius.rows(range(30), [300.0])[0], arrhenius.rows(range(30, 90), [300.0])[0]
    for inputs, truth, largest in ((seen, arrhenius.parameters[:30], 0.03), (new, arrhenius.parameters[30:], 0.05)):
        found = fitted.posterior(inputs)
        errors = np.abs(found.means[:, 1] - truth[:, 1])
        assert errors.mean() < largest
        assert np.mean(errors < 1.645 * found.stds[:, 1]) > 0.6
        assert (found.means[:, 1] >= 0).all()


def test_it_extrapolates_in_temperature_as_the_law_says(arrhenius: World, fitted: FittedPhysicsProcess) -> None:
    learned = _with_condition_block(arrhenius.learned([300.0, 340.0, 390.0])[0], "temperature_K")
    targets = arrhenius.learned([300.0, 340.0, 390.0])[1]
    plain = BlockGP().fit(learned, targets, seed=0)
    asked, truth = arrhenius.rows(range(30, 90), [700.0])
    asked = _with_condition_block(asked, "temperature_K")
    ours, theirs = fitted.predict(asked), plain.predict(asked)
    assert np.abs(ours.values - truth).mean() < 0.5 * np.abs(theirs.values - truth).mean()
    assert np.mean(np.abs(ours.values - truth) < 1.645 * ours.stds) > 0.75


def test_intervals_widen_away_from_the_conditions_of_the_labels(arrhenius: World, fitted: FittedPhysicsProcess) -> None:
    widths = [fitted.predict(arrhenius.rows(range(10), [at])[0]).stds.mean() for at in (340.0, 500.0, 900.0)]
    assert widths == sorted(widths)
    assert widths[2] > 1.2 * widths[0]


def test_a_row_without_its_condition_is_answered_with_a_wider_interval(
    arrhenius: World, fitted: FittedPhysicsProcess
) -> None:
    asked, _ = arrhenius.rows(range(8), [340.0])
    unknown = replace(asked, conditions={"temperature_K": np.full(8, np.nan)})
    known, blind = fitted.predict(asked), fitted.predict(unknown)
    assert (blind.stds > known.stds).all()
    assert np.abs(blind.values - known.values).max() < 2.0


def test_state_survives_and_rows_are_answered_alone(
    arrhenius: World,
    fitted: FittedPhysicsProcess,
    stored_and_restored: Callable[[FittedStrategy], FittedStrategy],
) -> None:
    asked, _ = arrhenius.rows(range(28, 33), [280.0, 600.0])
    one, two = fitted.predict(asked), stored_and_restored(fitted).predict(asked)
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.stds, two.stds)
    alone = fitted.predict(asked.take(np.array([3])))
    np.testing.assert_allclose(alone.values, one.values[[3]], rtol=1e-7)


def test_labels_at_one_temperature_are_refused(arrhenius: World) -> None:
    inputs, targets = arrhenius.learned([300.0])
    with pytest.raises(ConfigurationError, match="too few values of temperature_K"):
        PhysicsProcess(arrhenius.law, LOG10).fit(inputs, targets, seed=0)
    with pytest.raises(ConfigurationError, match="neither a condition nor a column"):
        PhysicsProcess(Arrhenius("t_C"), LOG10).fit(inputs, targets, seed=0)


def test_strength_at_high_temperature_follows_from_lower_ones(make_inputs: MakeInputs) -> None:
    world = World.of(make_inputs, Softening("t_C", is_celsius=True), LOG10, [6.8, 8.0], [0.3, 2.0])
    inputs, targets = world.rows(range(30), [25.0, 200.0, 400.0])
    targets = targets + 0.02 * np.random.default_rng(4).normal(size=len(targets))
    fitted = PhysicsProcess(world.law, LOG10).fit(inputs, targets, seed=0)
    asked, truth = world.rows(range(30, 90), [900.0])
    plain = BlockGP().fit(_with_condition_block(inputs, "t_C"), targets, seed=0)
    theirs = np.abs(plain.predict(_with_condition_block(asked, "t_C")).values - truth).mean()
    assert np.abs(fitted.predict(asked).values - truth).mean() < 0.8 * theirs
    rates = fitted.posterior(asked).means[:, 1]
    assert np.abs(rates - world.parameters[30:, 1]).mean() < 0.6 * np.abs(8.0 - world.parameters[30:, 1]).mean()


def test_a_monotone_answer_never_turns(make_inputs: MakeInputs) -> None:
    # Half of the true slopes are zero, and a smooth function that meets the others is negative there.
    world = World.of(make_inputs, Monotone("p_GPa", knot=5.0), PLAIN, [3.0, 0.0, 0.0], [1.0, 0.2, 0.2])
    inputs, targets = world.learned([0.0, 5.0, 10.0])
    fitted = PhysicsProcess(world.law, PLAIN).fit(inputs, targets, seed=0)
    answers = [fitted.predict(world.rows(range(90), [at])[0]).values for at in (-5.0, 0.0, 3.0, 8.0, 30.0)]
    assert (np.diff(answers, axis=0) >= -1e-9).all()


def test_bounds_and_order_hold_with_the_ends(make_inputs: MakeInputs) -> None:
    random = np.random.default_rng(6)
    block = random.normal(size=(60, 3))
    share = 1 / (1 + np.exp(-4 * block[:, 0]))
    inputs = make_inputs(descriptors=block)
    bounded = PhysicsProcess(Bounded(0.0, 1.0), PLAIN).fit(inputs, share, seed=0).predict(inputs)
    assert ((bounded.values >= 0) & (bounded.values <= 1)).all()
    assert np.abs(bounded.values - share).mean() < 0.05
    voigt = np.exp(4 + 0.5 * block[:, 1])
    reuss = voigt * (1 - 0.1 * np.abs(block[:, 2]).clip(0, 5))
    known = np.stack([voigt, np.ones(60)], axis=1)
    pair = make_inputs(descriptors=block, low_fidelity__voigt=known)
    found = PhysicsProcess(Ordered("voigt"), PLAIN).fit(pair, reuss, seed=0).predict(pair)
    assert (found.values <= voigt).all()
    assert np.abs(found.values / reuss - 1).mean() < 0.05
