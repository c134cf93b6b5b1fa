"""What the driver hands to the application's builder."""

import sys
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
    arguments = driver._built(plan, "redis://somewhere")
    assert arguments == {"redis_url": "redis://somewhere", "intake_replicas": min(4, usable_cores())}


def test_a_number_of_replicas_in_the_environment_goes_before(plan: StackPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPITAXY_PREDICTION_INTAKE_REPLICAS", "3")
    assert driver._built(plan, "") == {"redis_url": ""}
