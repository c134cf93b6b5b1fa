"""Wild labels are found among natural ones, and cost the default process little where they are accepted."""

from collections.abc import Callable

import numpy as np
import pytest

from epitaxy_models.transfer.inputs import SUBSTRATE, TransferInputs
from epitaxy_models.transfer.labels.plausibility import Similarity
from epitaxy_models.transfer.labels.wild import misleading_labels, wild_labels
from epitaxy_models.transfer.strategies import BlockGP

WILD: dict[str, Callable[[float], float]] = {
    "9999": lambda label: 9999.0,
    "sign turned, a hundred times": lambda label: -100.0 * label,
    "a lost decimal point": lambda label: 1000.0 * label,
}
N = 40


def _similar(inputs: TransferInputs) -> Callable[[], Similarity]:
    return Similarity.lazily(inputs.formulas, list(inputs.blocks[SUBSTRATE].T))


def _never() -> Similarity:
    raise AssertionError("nothing is doubted, so that nothing has to be compared")


def _wild(labels: np.ndarray, kind: str) -> np.ndarray:
    changed = labels.copy()
    changed[3] = WILD[kind](float(labels[3]))
    return changed


@pytest.mark.parametrize("kind", WILD)
@pytest.mark.parametrize("scale", ["plain", "of many decades"])
def test_one_wild_label_among_forty_is_found(kind: str, scale: str, smooth_problem: tuple) -> None:
    inputs, labels = smooth_problem
    rows = np.arange(N)
    given = labels[:N] + 5 if scale == "plain" else np.exp(labels[:N])
    given[3] = np.median(given)
    found = wild_labels(_wild(given, kind), _similar(inputs.take(rows)))
    assert [entry.place for entry in found] == [3]
    assert abs(found[0].expected - given[3]) < 3 * np.ptp(given)


@pytest.mark.parametrize("seed", range(5))
def test_natural_tails_are_not_wild(seed: int) -> None:
    random = np.random.default_rng(seed)
    for labels in (
        random.standard_t(3, size=100),
        np.exp(1.5 * random.normal(size=100)),
        np.maximum(random.normal(size=100), 0.0),
        np.where(random.random(100) < 0.05, random.gamma(2, 2, size=100), 0.0),
        10.0 ** random.uniform(-12, -2, size=100),
    ):
        assert wild_labels(labels, _never) == ()


def test_the_limits_that_the_docs_state_hold() -> None:
    """Below eight labels beside a commonest value nothing is wild; neither is thrice the largest of natural peaks."""
    formulas = [f"Na{number + 1}Cl" for number in range(N)]
    similarity = Similarity.lazily(formulas, [])
    natural = np.linspace(1.0, 2.0, N)
    for n_others, expected in ((7, []), (8, [0])):
        labels = np.where(np.arange(N) < n_others, natural, 0.0)
        labels[0] = 9999.0
        assert [entry.place for entry in wild_labels(labels, similarity)] == expected

    peaks = np.geomspace(100.0, 3638.0, N)
    peaks[0] = 9999.0
    assert wild_labels(peaks, similarity) == ()


def test_several_wild_labels_do_not_hide_each_other(smooth_problem: tuple) -> None:
    inputs, labels = smooth_problem
    given = labels[:N] + 5
    given[[3, 8, 20]] = 9999.0, 9998.0, 500.0
    found = wild_labels(given, _similar(inputs.take(np.arange(N))))
    assert {entry.place for entry in found} >= {3, 8}


@pytest.mark.parametrize("kind", WILD)
def test_an_accepted_wild_label_costs_the_default_process_at_most_a_fifth(kind: str, smooth_problem: tuple) -> None:
    inputs, labels = smooth_problem
    train, test = np.arange(N), np.arange(N, len(labels))
    known = labels + 5

    def error(given: np.ndarray) -> float:
        fitted = BlockGP().fit(inputs.take(train), given, 0)
        return float(np.abs(fitted.predict(inputs.take(test)).values - known[test]).mean())

    assert error(_wild(known[:N], kind)) <= 1.2 * error(known[:N])


def test_a_wild_label_misleads_on_a_logarithm_too(smooth_problem: tuple) -> None:
    """9999 among dielectric constants is three decades off: no reason to stop, and every reason not to follow it."""
    inputs, labels = smooth_problem
    targets = 0.7 + 0.1 * labels[:N]
    targets[3] = 4.0
    similar = _similar(inputs.take(np.arange(N)))
    assert [entry.place for entry in misleading_labels(targets, similar)] == [3]
    assert misleading_labels(0.7 + 0.1 * labels[:N], similar) == ()


def test_a_label_within_the_others_range_that_nothing_explains_is_left_out(smooth_problem: tuple) -> None:
    """No gap divides it from the others, and it would cost the fit much all the same."""
    inputs, labels = smooth_problem
    train, test = np.arange(N), np.arange(N, len(labels))
    place = int(np.argmin(labels[:N]))
    given = labels[:N].copy()
    given[place] = 1.6 * np.abs(given).max()
    assert misleading_labels(given, _similar(inputs.take(train))) == ()

    def error(targets: np.ndarray, *, is_robust: bool) -> float:
        fitted = BlockGP(is_robust=is_robust).fit(inputs.take(train), targets, 0)
        return float(np.abs(fitted.predict(inputs.take(test)).values - labels[test]).mean())

    clean = error(labels[:N], is_robust=False)
    assert error(labels[:N], is_robust=True) == clean
    assert error(given, is_robust=True) <= 1.2 * clean < error(given, is_robust=False)


def test_natural_tails_are_learned(smooth_problem: tuple) -> None:
    inputs, labels = smooth_problem
    tails = np.random.default_rng(0).standard_t(3, size=N)
    fitted = BlockGP().fit(inputs.take(np.arange(N)), labels[:N] + tails, 0)
    assert len(fitted.labels) == N
