import json

import numpy as np
import pytest
from scipy.stats import truncnorm

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind
from epitaxy_models.transfer.names import LAWS
from epitaxy_models.transfer.physics.bounded import Bounded, Ordered, in_order
from epitaxy_models.transfer.physics.catalogue import law_of_settings, law_of_text, suited_law
from epitaxy_models.transfer.physics.label_scale import LabelScale
from epitaxy_models.transfer.physics.law import PhysicsLaw, parameters_of, values_of
from epitaxy_models.transfer.physics.monotone import Monotone
from epitaxy_models.transfer.physics.thermal import BOLTZMANN_EV_PER_K, Arrhenius, Softening
from epitaxy_models.transfer.strategies.truncated import truncated_moments

CASES: dict[str, tuple[PhysicsLaw, list[float], list[float]]] = {
    "arrhenius": (Arrhenius("t"), [12.0, 0.4], [300.0, 350.0, 500.0]),
    "diffusion": (Arrhenius("t", is_celsius=True, has_temperature=False), [-3.0, 0.9], [25.0, 200.0, 500.0]),
    "softening": (Softening("t"), [6.5, 8.0], [300.0, 800.0, 1300.0]),
    "monotone": (Monotone("p", is_rising=False, knot=2.0), [5.0, 0.3, 1.2], [0.0, 1.0, 4.0, 9.0]),
    "between": (Bounded(-1.0, 0.5), [0.7], [0.0, 0.0]),
    "above": (Bounded(lower=1.0), [2.0], [0.0]),
    "below": (Bounded(upper=3.0), [2.0], [0.0]),
    "under": (Ordered("voigt"), [0.2], [100.0, 30.0]),
    "over": (Ordered("pbe", is_under=False), [0.4], [1.0, 3.0]),
}


@pytest.mark.parametrize("case", CASES)
def test_parameters_make_values_and_values_make_parameters(case: str) -> None:
    law, parameters, conditions = CASES[case]
    at = np.array(conditions)
    values = values_of(law, np.tile(parameters, (len(at), 1)), at)
    np.testing.assert_allclose(parameters_of(law, values, at), parameters, rtol=1e-9)
    restored = law_of_settings(json.loads(json.dumps(law.settings())))
    np.testing.assert_array_equal(values_of(restored, np.tile(parameters, (len(at), 1)), at), values)
    assert law.source
    assert len(law.parameters) == len(parameters)


def test_the_arrhenius_law_is_the_textbooks() -> None:
    # sigma T = A exp(-E / kT): from 300 to 600 K a barrier of 0.5 eV gains exp(0.5 / k (1/300 - 1/600)) / 2.
    law = Arrhenius("t")
    low, high = values_of(law, np.array([[10.0, 0.5]] * 2), np.array([300.0, 600.0]))
    assert high / low == pytest.approx(np.exp(0.5 / BOLTZMANN_EV_PER_K / 600) / 2)


def test_labels_at_one_condition_leave_a_law_open() -> None:
    with pytest.raises(ConfigurationError, match="too few values of t"):
        parameters_of(Arrhenius("t"), np.array([1e-3, 1.1e-3]), np.array([300.0, 300.0]))


def test_a_law_is_asked_for_by_text() -> None:
    law = law_of_text("arrhenius:temperature_C", property_name="oxygen_diffusivity")
    assert law == Arrhenius("temperature_C", is_celsius=True, has_temperature=False)
    assert law_of_text("bounded:0:inf") == Bounded(0.0)
    assert law_of_text("ordered:k_voigt:under") == Ordered("k_voigt")
    assert law_of_text("monotone:p_GPa:falling") == Monotone("p_GPa", is_rising=False)
    for wrong in ("arrhenius", "arrhenius:", "nernst:t", "monotone:p:up", "bounded:1:0", "bounded:a:b", "ordered:k"):
        with pytest.raises(ConfigurationError) as caught:
            law_of_text(wrong)
        assert caught.value.reason == "INVALID_LAW"
    assert {form.split(":")[0] for form in LAWS} == {"arrhenius", "softening", "monotone", "bounded", "ordered"}


def test_a_law_is_known_by_property_and_condition() -> None:
    assert suited_law("ionic_conductivity", {"pressure_GPa": "GPa", "temperature_K": ""}) == Arrhenius("temperature_K")
    assert suited_law("yield_strength", {"test_temperature": "degC"}) == Softening("test_temperature", is_celsius=True)
    for name, conditions in (
        ("thermal_conductivity", {"t_K": "K"}),
        ("gap", {"t_K": "K"}),
        ("conductivity", {"p": "GPa"}),
    ):
        assert suited_law(name, conditions) is None


def test_values_stay_within_their_bounds() -> None:
    far = np.linspace(-1e4, 1e4, 41)
    none = np.zeros(41)
    assert np.ptp(np.clip(Bounded(0.0, 1.0).value(far, none), 0, 1) - Bounded(0.0, 1.0).value(far, none)) == 0
    assert (Bounded(lower=1.0).value(far, none) >= 1).all()
    assert (Bounded(upper=3.0).value(far, none) <= 3).all()
    assert (np.diff(Bounded(upper=3.0).value(far, none)) >= 0).all()
    assert (Ordered("v").value(far, np.full(41, 7.0)) <= 7).all()
    assert (Ordered("v", is_under=False).value(far, np.full(41, 7.0)) >= 7).all()
    assert np.isnan(Bounded(0.0, 1.0).straight(np.array([-0.1, 1.1]), none[:2])).all()


def test_a_predicted_pair_never_crosses() -> None:
    random = np.random.default_rng(0)
    low, high, low_std, high_std = random.normal(size=(4, 500)) ** 2 + 0.1
    one, two = in_order(low, high, low_std, high_std)
    assert (one <= two).all()
    crossing = low > high
    assert crossing.any()
    np.testing.assert_array_equal(one[~crossing], low[~crossing])
    # The surer of both moves less.
    np.testing.assert_array_equal(
        np.abs(one - low)[crossing] < np.abs(two - high)[crossing], low_std[crossing] < high_std[crossing]
    )


def test_a_truncated_normal_has_the_moments_of_scipy() -> None:
    means = np.array([0.0, 2.0, -3.0, 0.5, 0.0, 8.0])
    stds = np.array([1.0, 0.5, 2.0, 1.0, 1.0, 1.0])
    lower = np.array([-np.inf, 1.5, 0.0, -np.inf, -1.0, -np.inf])
    upper = np.array([0.0, np.inf, np.inf, np.inf, 0.5, 0.0])
    found, variances = truncated_moments(means, stds, lower, upper)
    reference = truncnorm((lower - means) / stds, (upper - means) / stds, means, stds)
    np.testing.assert_allclose(found, reference.mean(), rtol=1e-8)
    np.testing.assert_allclose(variances, reference.var(), rtol=1e-6)
    far, _ = truncated_moments(np.array([1000.0]), np.array([1.0]), -np.inf, 0.0)
    assert far[0] <= 970  # moved towards the cut, and finite


@pytest.mark.parametrize(
    ("unit", "kind"), [("S/cm", "log10"), ("S/cm", "none"), ("log10(S/cm)", "none"), ("ln(S/cm)", "none")]
)
def test_a_law_speaks_of_plain_values_whatever_the_labels_are(unit: str, kind: str) -> None:
    plain = np.array([1e-8, 1e-3, 0.2])
    labels = {"log10(S/cm)": np.log10(plain), "ln(S/cm)": np.log(plain)}.get(unit, plain)
    scale = LabelScale.of(TargetTransform(TransformKind(kind)), unit)
    targets = scale.transform.forward(labels)
    np.testing.assert_allclose(scale.values(targets), plain, rtol=1e-12)
    np.testing.assert_allclose(scale.targets(plain), targets, rtol=1e-12)
    assert LabelScale.from_json(json.loads(json.dumps(scale.as_json()))) == scale
