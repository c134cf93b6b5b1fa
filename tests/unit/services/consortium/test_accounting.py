"""Epsilon, against two accountants of our own: the exact curve of normal noise, and Renyi divergences."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from consortium_rig import SMALL, ConsortiumRig
from scipy.optimize import brentq
from scipy.stats import norm

from epitaxy.consortium.accounting import check_budget, epsilon_of
from epitaxy.consortium.domain.errors import AgreementError, BudgetError

_DELTA = 1e-5
pytest.importorskip("dp_accounting", reason="needs dp-accounting: pip install 'epitaxy[consortium]'")


def _exact(noise: float, n_releases: int) -> float:
    """Balle & Wang, ICML 2018, theorem 8: releases of normal noise are one release of less noise."""
    mu = math.sqrt(n_releases) / noise

    def excess(epsilon: float) -> float:
        delta = norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)
        return float(delta - _DELTA)

    return float(brentq(excess, 0.0, 10 * mu * mu + 50 * mu))


def _renyi(noise: float, n_releases: int) -> float:
    """Mironov 2017, with the better conversion of Canonne, Kamath & Steinke 2020."""
    orders = [1 + step / 20 for step in range(1, 2000)]
    rho = n_releases / (2 * noise * noise)

    def at(order: float) -> float:
        return rho * order + math.log1p(-1 / order) - math.log(_DELTA * order) / (order - 1)

    return min(map(at, orders))


@pytest.mark.parametrize(("noise", "n_releases"), [(1.0, 1), (1.0, 30), (4.0, 1), (2.0, 5)])
def test_epsilon_is_within_one_per_cent_of_the_exact_curve(noise: float, n_releases: int) -> None:
    assert epsilon_of([noise] * n_releases, _DELTA) == pytest.approx(_exact(noise, n_releases), rel=0.01)


@pytest.mark.parametrize(("noise", "n_releases"), [(1.0, 1), (1.0, 30)])
def test_the_renyi_accountant_is_looser_and_never_below(noise: float, n_releases: int) -> None:
    epsilon = epsilon_of([noise] * n_releases, _DELTA)
    assert epsilon <= _renyi(noise, n_releases) <= 1.35 * epsilon


def test_a_release_over_the_budget_is_refused() -> None:
    assert check_budget([2.0], _DELTA, 3.0) == pytest.approx(_exact(2.0, 1), rel=0.01)
    with pytest.raises(BudgetError, match=r"would bring epsilon to 2\.\d+, and 2 is agreed"):
        check_budget([2.0, 2.0], _DELTA, 2.0)
    assert check_budget([0.0], _DELTA, 0.0) is None
    assert epsilon_of([0.0], _DELTA) == math.inf


def _private(budget: float) -> ConsortiumRig:
    return ConsortiumRig(replace(SMALL, rounds=0), noise_multiplier=2.0, epsilon_budget=budget)


def test_a_private_round_is_one_release_with_its_epsilon_and_a_second_is_refused_over_budget() -> None:
    rig = _private(2.5)
    rig.coordinator.run()
    (entry,) = rig.coordinator.ledger
    assert (entry.step, entry.row_norm, entry.noise_multiplier) == ("gram", 4.0, 2.0)
    assert entry.epsilon == pytest.approx(_exact(2.0, 1), rel=0.01)
    with pytest.raises(BudgetError, match="would bring epsilon"):
        rig.coordinator.run()
    assert len(rig.coordinator.ledger) == 1
    rig.close()


def test_members_refuse_over_budget_whatever_the_coordinator_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from epitaxy.consortium import coordinator

    rig, anything = _private(2.5), lambda *arguments: None
    rig.coordinator.run()
    unlimited: Callable[..., None] = anything
    monkeypatch.setattr(coordinator, "check_budget", unlimited)
    with pytest.raises(Exception, match=r"anvil refused.*PRIVACY_BUDGET_EXHAUSTED"):
        rig.coordinator.run()
    rig.close()


def test_noise_on_rounds_of_networks_is_not_called_private() -> None:
    with pytest.raises(AgreementError, match="nothing bounds what one row changes in a round of networks"):
        ConsortiumRig(noise_multiplier=1.0)
    with pytest.raises(AgreementError, match="without noise no budget"):
        ConsortiumRig(epsilon_budget=8.0)
