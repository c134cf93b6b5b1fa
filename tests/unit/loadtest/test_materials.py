"""Draws of the measurement of materials, and its tables."""

import json

import numpy as np

from loadtest.material_pools import draws
from loadtest.materials import report


def test_no_key_is_learned_from_and_tested_and_larger_draws_hold_smaller_ones():
    keys = [f"key{number // 2}" for number in range(300)]
    (few, small, test), (many, large, again) = draws(keys, 3, (25, 100, 1000))
    assert (few, many) == (25, 100)
    assert set(np.array(keys)[large]).isdisjoint(np.array(keys)[test])
    assert np.array_equal(large[:25], small)
    assert np.array_equal(test, again)


def test_the_report_compares_the_default_with_the_better_rival(tmp_path):
    record = tmp_path / "materials.jsonl"
    errors = [{"trees": 4.0, "gp": 2.0, "default": 1.0}, {"trees": 4.0, "gp": 2.0, "default": 4.0}]
    entry = {"target": "tg", "by": "key", "size": 25, "coverage": 0.9, "verdict": "NEUTRAL", "shares": {}}
    classes = {"target": "bcc", "by": "key", "size": 25, "draw": 0, "auc": {"job": 0.8}, "brier": {"job": 0.1}}
    classes |= {"calibration_error": 0.05, "by_chance": 0.04}
    lines = [entry | {"draw": number, "errors": own} for number, own in enumerate(errors)]
    record.write_text("".join(json.dumps(line) + "\n" for line in [*lines, classes]))
    told = report(record)
    assert "| tg | 25 | 2 | 4 | 2 | 2.5 | +25.0% | +0.0% | 90.0% | 0 |" in told
    assert "AUC\n| target | job |\n|---|---|\n| bcc | 0.8 |" in told
