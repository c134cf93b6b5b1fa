"""Explanations through the whole running stack: explainers start when they are asked, and answer as predictions do."""

import numpy as np
import pytest
from product import Product

from epitaxy.client import Client

pytestmark = pytest.mark.stack

PEROVSKITE = (
    3.905 * np.eye(3),
    [38, 22, 8, 8, 8],
    [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]],
)
OVERLAPPING = (np.eye(3), [1, 1], [[0.0, 0.0, 0.0], [0.01, 0.0, 0.0]])


def test_predictions_are_explained_beside_a_refused_structure(product: Product) -> None:
    structures = [("perovskite", PEROVSKITE), ("overlapping", OVERLAPPING)]
    # The first call starts an explainer, which loads torch.
    with Client(product.target, timeout=120.0) as client:
        explained, refused = client.explain(structures, "formation_energy", n_nearest=3)
        predicted = client.predict([("perovskite", PEROVSKITE)], "formation_energy")[0]
        again, _ = client.explain(structures, "formation_energy", n_nearest=3)
    assert refused.error is not None
    assert refused.error.reason == "OVERLAPPING_ATOMS"
    assert explained.error is None
    assert explained.value == pytest.approx(predicted["formation_energy"].value, abs=1e-4)
    assert explained.model_digest == predicted.model_digest
    change = explained.value - explained.baseline
    assert sum(site.value for site in explained.sites) == pytest.approx(change, abs=0.1)
    assert [site.element for site in explained.sites] == ["Sr", "Ti", "O", "O", "O"]
    assert explained.is_faithful
    assert len(explained.nearest) == 3
    assert "Because it resembles" in explained.to_html()
    assert again == explained
