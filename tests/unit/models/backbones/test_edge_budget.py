"""The edge budget by a device's memory; the device itself is counted here, for no test machine has one."""

import pytest

from epitaxy_models.backbones.edge_budget import measured_edge_budget
from epitaxy_models.data.crystals import bundled_structures
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import EDGES_ON_CPUS, Embedder

PROBE_EDGES = 500
GIB = 2**30


class Device:
    """Memory that batches take by their edges, beside a workspace and weights that stay."""

    def __init__(self, free_bytes: int, bytes_an_edge: int, workspace_bytes: int = GIB) -> None:
        self._free, self._cost, self._workspace = free_bytes, bytes_an_edge, workspace_bytes
        self._peak = 0
        self.largest_batch = 0

    def forward(self, repetitions: int) -> int:
        edges = repetitions * PROBE_EDGES
        self.largest_batch = max(self.largest_batch, edges)
        self._peak = max(self._peak, self._workspace + edges * self._cost)
        return edges

    def forget_peak(self) -> None:
        self._peak = self._workspace

    def peak_bytes(self) -> int:
        return self._peak

    def free_bytes(self) -> int:
        return self._free


@pytest.mark.parametrize(("free", "cost"), [(8 * GIB, 20_000), (2 * GIB, 20_000), (8 * GIB, 80_000)])
def test_budget_is_most_of_the_free_memory(free: int, cost: int) -> None:
    budget = measured_edge_budget((device := Device(free, cost)).forward, device)
    assert 0.5 * free < budget * cost < 0.7 * free


def test_processes_that_share_a_device_share_its_memory() -> None:
    whole, half = (measured_edge_budget((d := Device(8 * GIB, 20_000)).forward, d, part) for part in (1.0, 0.5))
    assert half == pytest.approx(whole / 2, abs=1)


def test_what_does_not_grow_with_the_batch_is_no_cost_of_an_edge() -> None:
    budgets = set()
    for workspace in (0, 4 * GIB):
        device = Device(8 * GIB, 20_000, workspace)
        budgets.add(measured_edge_budget(device.forward, device))
    assert len(budgets) == 1


def test_budget_has_bounds() -> None:
    huge = Device(1000 * GIB, 100)
    assert measured_edge_budget(huge.forward, huge) == 1_000_000
    full = Device(10, 20_000)
    assert measured_edge_budget(full.forward, full) == full.largest_batch, "the probe itself has fitted"


def test_cpus_have_a_budget_of_their_own() -> None:
    assert Embedder(load_artifact(shipped_model())).edge_budget(bundled_structures) == EDGES_ON_CPUS
