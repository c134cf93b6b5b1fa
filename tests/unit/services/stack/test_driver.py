"""What the driver hands to the application's builder."""

import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from epitaxy.chassis.cores import usable_cores
from epitaxy.stack import driver
from epitaxy.stack.plan import StackPlan


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> StackPlan:
    module = ModuleType("an_application")
    module.build = dict
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delenv("EPITAXY_PREDICTION_INTAKE_REPLICAS", raising=False)
    return StackPlan.draw("127.0.0.1", 0, application=f"{module.__name__}:build")


def test_there_is_a_replica_a_core_and_not_too_many(plan: StackPlan) -> None:
    arguments = driver._build_application(plan, "redis://somewhere", Path("/run"))
    assert arguments == {"redis_url": "redis://somewhere", "intake_replicas": min(4, usable_cores())}


def test_a_number_of_replicas_in_the_environment_goes_before(plan: StackPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPITAXY_PREDICTION_INTAKE_REPLICAS", "3")
    assert driver._build_application(plan, "redis://somewhere", Path("/run")) == {"redis_url": "redis://somewhere"}


def test_without_redis_replicas_share_a_folder_unless_the_environment_names_one(
    plan: StackPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert driver._build_application(plan, "", Path("/run"))["cache_folder"] == "/run/cache"
    monkeypatch.setenv("EPITAXY_PREDICTION_CACHE_FOLDER", "/elsewhere")
    assert "cache_folder" not in driver._build_application(plan, "", Path("/run"))


def test_the_shipped_application_is_the_one_that_the_driver_imports_by_name() -> None:
    with warnings.catch_warnings():
        # Ray Serve's own use of pydantic warns while it is imported.
        warnings.simplefilter("ignore")
        from epitaxy.prediction.app import build_application

    shipped = StackPlan.draw("127.0.0.1", 0)
    assert driver._builder(shipped) is build_application
    assert shipped.application == f"{build_application.__module__}:{build_application.__name__}"
