"""Measurements on the whole running stack: predicted by the served model, kept by the fine-tune service, shown."""

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from product import Product

from epitaxy.client import Client, InvalidRequestError
from epitaxy_models.structures import Structure
from epitaxy_models.testing.tenant_model import unlabelled_structures

pytestmark = pytest.mark.stack

N_CRYSTALS = 24


@pytest.fixture
def acme(tenant_product: Product, keys: dict[str, str]) -> Iterator[Client]:
    with Client(tenant_product.target, api_key=keys["acme"]) as client:
        yield client


def row(number: int, structure: Structure) -> dict[str, Any]:
    cell = {
        "lattice": structure.lattice.tolist(),
        "species": structure.atomic_numbers.tolist(),
        "frac": structure.frac_coords.tolist(),
    }
    return {"id": f"sample-{number}", "structure": cell}


def test_what_is_measured_is_held_against_the_served_model_and_seen_by_its_tenant_alone(
    tenant_product: Product, keys: dict[str, str], acme: Client
) -> None:
    card = acme.get_model()
    definition = card.properties[0]
    rows = [row(number, structure) for number, structure in enumerate(unlabelled_structures(N_CRYSTALS))]
    predicted = [result[definition.name] for result in acme.predict([entry["structure"] for entry in rows])]
    for entry, prediction in zip(rows, predicted, strict=True):
        entry["measured"] = prediction.upper + 1.0
    asked = {"unit": definition.unit, "value": "measured", "property": definition.name}
    made = acme.report_measurements(rows, **asked)
    assert (made.model, made.version, made.refused) == (card.name, card.version, [])
    for result, prediction in zip(made.results, predicted, strict=True):
        assert (result.predicted, result.upper) == pytest.approx((prediction.value, prediction.upper), rel=1e-4)
    assert made.health is not None
    assert (made.health.n_total, made.health.coverage, made.health.verdict) == (N_CRYSTALS, 0.0, "OVERCONFIDENT")

    again = acme.report_measurements(rows, **asked)
    assert all(result.is_repeat for result in again.results)
    assert again.health == made.health
    assert acme.model_health(f"{card.name}@champion").properties == (made.health,)
    with pytest.raises(InvalidRequestError, match=f"{definition.name} is in '{definition.unit}'"):
        acme.report_measurements(rows, **(asked | {"unit": "furlong"}))
    with Client(tenant_product.target, api_key=keys["globex"]) as globex:
        assert globex.model_health().properties == ()

    labels = f'model="{card.name}",property="{definition.name}",tenant="acme",version="{card.version}"'
    with urllib.request.urlopen(tenant_product.endpoints()["finetune"]["metrics"], timeout=10) as answer:
        samples = answer.read().decode().splitlines()
    assert f"epitaxy_measurements_coverage_ratio{{{labels}}} 0.0" in samples
    assert f"epitaxy_measurements_total{{{labels}}} {N_CRYSTALS}.0" in samples
