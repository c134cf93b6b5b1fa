"""Warming up: what was cold is loaded, and nothing that fails meanwhile reaches anybody."""

import subprocess
import sys
import threading

from epitaxy.prediction.serve.activity import Activity
from epitaxy.prediction.tenants.warm_up import warm_up_beside

_PROGRAM = """
import sys
from epitaxy.prediction.tenants.warm_up import warm_up_beside

class Registry:
    asked = []
    def exists(self):
        return True
    def list(self, tenant):
        self.asked.append(tenant)
        return iter(())

assert "epitaxy_models.transfer.strategies.descriptor_forest" not in sys.modules
warm_up_beside(Registry(), lambda: 9.0).join()
assert Registry.asked == ["nobody"]
assert "epitaxy_models.transfer.strategies.descriptor_forest" in sys.modules
assert "torch" not in sys.modules, "intake replicas do without torch"
"""


def test_strategies_and_registry_are_loaded_and_torch_is_not() -> None:
    subprocess.run([sys.executable, "-c", _PROGRAM], check=True, timeout=120)


def test_a_registry_that_is_away_is_no_fault_of_the_replica(caplog) -> None:
    class Away:
        def exists(self):
            return True

        def list(self, tenant):
            raise ConnectionError("refused")

    thread = warm_up_beside(Away(), lambda: 9.0)
    thread.join(60)
    assert not thread.is_alive()
    assert "warming up for tenants' models failed" in caplog.text


def test_it_waits_for_a_pause_and_a_call_is_none() -> None:
    asked, there = threading.Event(), threading.Event()

    class Registry:
        def exists(self):
            return there.is_set()

        def list(self, tenant):
            asked.set()
            return iter(())

    activity = Activity()
    with activity.call():
        thread = warm_up_beside(Registry(), activity.quiet_seconds)
        assert not asked.wait(3.0)
    assert activity.quiet_seconds() < 1.0
    assert not asked.wait(4.0), "there is no registry"
    there.set()
    assert asked.wait(30.0)
    thread.join(30)
