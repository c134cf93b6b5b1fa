"""Draws of a simulated consortium as one document."""

from collections.abc import Callable, Sequence
from typing import Any

from epitaxy.consortium.simulation import CompanyDraw, Draw


def report_of(draws: Sequence[Draw], unit: str) -> dict[str, Any]:
    """Means over the draws.

    ``local`` is the error of the kind of local model that is best over all companies, as each of them could choose;
    ``share_of_gap`` is None where the forest on all rows is no better. ``worst_ratio`` compares each company with its
    own best kind, chosen after the fact.
    """
    companies = [_company([draw.companies[place] for draw in draws]) for place in range(len(draws[0].companies))]
    kinds = companies[0]["local_models"]
    by_kind = {kind: _mean([entry["local_models"][kind] for entry in companies]) for kind in kinds}
    local = min(by_kind.values())
    central, federated = (_mean([entry[key] for entry in companies]) for key in ("central", "federated"))
    return {
        "share_of_gap": (local - federated) / (local - central) if local > central else None,
        "local": local,
        "central": central,
        "federated": federated,
        "worst_ratio": max(entry["ratio"] for entry in companies),
        "unit": unit,
        "companies": companies,
        "local_models": by_kind,
        "membership_auc": _mean([draw.membership_auc for draw in draws]),
        "n_releases": draws[0].n_releases,
        "round_seconds": max(draw.round_seconds for draw in draws),
    }


def _company(draws: Sequence[CompanyDraw]) -> dict[str, Any]:
    def mean(value: Callable[[CompanyDraw], float]) -> float:
        return _mean([value(draw) for draw in draws])

    kinds = {kind: _mean([draw.local[kind] for draw in draws]) for kind in draws[0].local}
    best = min(kinds, key=lambda kind: kinds[kind])
    federated = mean(lambda draw: draw.federated)
    return {
        "name": draws[0].company,
        "n_test_rows": draws[0].n_test_rows,
        "local": kinds[best],
        "own_best": best,
        "local_models": kinds,
        "central": mean(lambda draw: draw.central),
        "federated": federated,
        "ratio": federated / kinds[best] if kinds[best] else 1.0,
        "verdicts": [draw.verdict for draw in draws],
        "serves": [draw.serves for draw in draws],
        "weights": {name: _mean([draw.weights[name] for draw in draws]) for name in draws[0].weights},
        "coverage": mean(lambda draw: draw.coverage),
        "half_width": mean(lambda draw: draw.half_width),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
