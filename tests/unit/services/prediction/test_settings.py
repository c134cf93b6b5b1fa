"""Settings that contradict each other are refused where they are read."""

import pytest

from epitaxy.prediction.settings import PredictionSettings


@pytest.mark.parametrize("settings", [{"device": "cuda"}, {"ensemble_gpus": 0.5}])
def test_a_device_needs_ensemble_replicas(settings) -> None:
    with pytest.raises(ValueError, match="ensemble_replicas must be 1 or more on a device"):
        PredictionSettings(**settings)
    assert PredictionSettings(**settings, ensemble_replicas=1).ensemble_replicas == 1


def test_one_tenant_never_has_all_threads() -> None:
    with pytest.raises(ValueError, match="tenant_threads_each must be below tenant_threads"):
        PredictionSettings(tenant_threads=2, tenant_threads_each=2)
