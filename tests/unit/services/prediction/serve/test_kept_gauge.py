"""A gauge is set again by itself, with all its labels and its last values."""

import time

from epitaxy.prediction.serve import kept_gauge
from epitaxy.prediction.serve.kept_gauge import KeptGauge


def test_a_gauge_that_was_set_once_is_set_again_and_again(monkeypatch):
    monkeypatch.setattr(kept_gauge, "_SECONDS_BETWEEN", 0.01)
    monkeypatch.setattr(kept_gauge, "_threads", [])  # one of this test, at its own pace
    told = []

    class Told(kept_gauge.Gauge):
        def set(self, value, tags=None):
            told.append((value, tags))

    monkeypatch.setattr(kept_gauge, "Gauge", Told)
    gauge = KeptGauge("epitaxy_prediction_test_gauge", "Of a test.", ("substrate",))
    gauge.set(3.0, {"substrate": "a:1"})
    gauge.set(4.0, {"substrate": "b:1"})
    gauge.set(5.0, {"substrate": "a:1"})
    del told[:]
    deadline = time.monotonic() + 10
    while len(told) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert told[:2] == told[2:4] == [(5.0, {"substrate": "a:1"}), (4.0, {"substrate": "b:1"})]
