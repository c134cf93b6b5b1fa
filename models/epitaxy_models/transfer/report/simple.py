"""The best that a user gets with hardly a fit: a promise that any model should keep."""

from collections.abc import Mapping

from epitaxy_models.transfer.records import BestSimple

# The head reads what shipped models of other fidelities predict too, the line also values that the tenant knows.
SIMPLE = ("substrate_head", "substrate_line", "pool_median")


def best_simple(maes: Mapping[str, float]) -> BestSimple | None:
    """The simple strategy of the lowest error among those compared; None if there is none."""
    found = [BestSimple(name, maes[name]) for name in SIMPLE if name in maes]
    return min(found, key=lambda entry: entry.error, default=None)
