"""Two reports compared on the labels that both hold."""

from typing import Any

import numpy as np
import pytest

from epitaxy.client import InvalidRequestError, compare_reports


def report(errors: Any, unit: str = "K", start: int = 0) -> dict[str, Any]:
    rows = [
        {"row_id": f"r{n}", "formula": f"A{n // 2}", "label": float(n), "predicted": n + error}
        for n, error in enumerate(errors, start)
    ]
    return {"subject": {"unit": unit}, "parity": rows}


def test_a_model_that_errs_less_on_every_label_wins() -> None:
    errors = 1 + np.random.default_rng(0).random(40)
    found = compare_reports(report(errors), report(errors / 2))
    assert found.verdict == "SECOND"
    assert found.difference == pytest.approx(-errors.mean() / 2)
    assert found.low < found.difference < found.high < 0
    assert compare_reports(report(errors / 2), report(errors)).verdict == "FIRST"


def test_noise_is_no_difference() -> None:
    generator = np.random.default_rng(1)
    found = compare_reports(report(generator.normal(size=60)), report(generator.normal(size=60)))
    assert found.verdict == "NEITHER"


def test_only_shared_labels_count() -> None:
    found = compare_reports(report(np.ones(30)), report(np.ones(30), start=15))
    assert (found.n_shared, found.n_first, found.n_second) == (15, 30, 30)


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        (report(np.ones(30), start=30), "share 0 labels .*: train both models on the same table"),
        (report(np.ones(30), unit="eV"), "different units, K and eV"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_reason(second: Any, complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint) as caught:
        compare_reports(report(np.ones(30)), second)
    assert caught.value.reason == "NOTHING_TO_COMPARE"
