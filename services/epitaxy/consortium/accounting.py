"""How much privacy a row loses over all releases, by the privacy loss distributions of dp-accounting.

Every release adds normal noise to a sum over all rows, without sampling: the neighbouring sums differ by one row.
Accountants by Renyi divergences give up to a third more at the noise of one release; the ledger names this one.
"""

import math
from collections.abc import Iterable

from epitaxy.consortium.domain.errors import BudgetError
from epitaxy_models.errors import ConfigurationError

ACCOUNTANT = "dp-accounting PLD, add or remove one row"


def epsilon_of(noise_multipliers: Iterable[float], delta: float) -> float:
    """Epsilon of releases at these noise multipliers together; infinite if one has no noise.

    Raises ConfigurationError (NO_ACCOUNTANT) where dp-accounting is not installed.
    """
    multipliers = list(noise_multipliers)
    if any(noise <= 0 for noise in multipliers):
        return math.inf
    if not multipliers:
        return 0.0
    try:
        from dp_accounting import GaussianDpEvent  # noqa: PLC0415 - an optional dependency
        from dp_accounting.pld import PLDAccountant  # noqa: PLC0415
    except ModuleNotFoundError as error:
        message = f"counting epsilon needs {error.name}: pip install 'epitaxy[consortium]'"
        raise ConfigurationError(message, reason="NO_ACCOUNTANT") from error
    accountant = PLDAccountant()
    for noise in multipliers:
        accountant.compose(GaussianDpEvent(noise))
    return float(accountant.get_epsilon(delta))


def check_budget(noise_multipliers: Iterable[float], delta: float, budget: float) -> float | None:
    """Epsilon after these releases; None without noise. Raises BudgetError if that is over the budget."""
    multipliers = list(noise_multipliers)
    if any(noise <= 0 for noise in multipliers):
        return None
    epsilon = epsilon_of(multipliers, delta)
    if budget and epsilon > budget:
        raise BudgetError(f"this release would bring epsilon to {epsilon:.3g}, and {budget:.3g} is agreed")
    return epsilon
