"""How many edges one forward pass may have on a device: what its free memory takes."""

from collections.abc import Callable
from typing import Protocol

# Of the memory that is free; the rest is for fragmentation and for what else the process allocates.
_SHARE = 0.6
# A batch beyond this gains nothing and makes small requests wait.
_MOST_EDGES = 1_000_000
# Repetitions of the probe, few and many: what does not grow with a batch cancels.
_FEW, _MANY = 2, 10


class DeviceMemory(Protocol):
    """Of one device, in bytes."""

    def forget_peak(self) -> None:
        """The next peak counts from now."""

    def peak_bytes(self) -> int:
        """Most that was allocated at once since then."""

    def free_bytes(self) -> int:
        """What can be allocated now."""


class CudaMemory:
    """Implements DeviceMemory by torch's allocator."""

    def __init__(self, device: str) -> None:
        import torch  # noqa: PLC0415 - serving on a CPU loads no torch

        self._device, self._cuda = device, torch.cuda

    def forget_peak(self) -> None:
        """The next peak counts from now."""
        self._cuda.synchronize(self._device)
        self._cuda.reset_peak_memory_stats(self._device)

    def peak_bytes(self) -> int:
        """Most that tensors held at once since then."""
        self._cuda.synchronize(self._device)
        return int(self._cuda.max_memory_allocated(self._device))

    def free_bytes(self) -> int:
        """Of the device, and of what the allocator holds unused."""
        free, _ = self._cuda.mem_get_info(self._device)
        held = self._cuda.memory_reserved(self._device) - self._cuda.memory_allocated(self._device)
        return int(free + held)


def measured_edge_budget(forward: Callable[[int], int], memory: DeviceMemory, part: float = 1.0) -> int:
    """Edges that fit, by the memory that two batches of a probe took.

    Args:
        forward: Runs a batch of so many repetitions of the probe and returns its edges.
        memory: Of the device that it runs on.
        part: Of the device that this process may take, where several share it.
    """
    forward(_FEW)  # kernels and workspaces that stay
    edges, peaks = [], []
    for repetitions in (_FEW, _MANY):
        memory.forget_peak()
        edges.append(forward(repetitions))
        peaks.append(memory.peak_bytes())
    bytes_an_edge = max(1.0, (peaks[1] - peaks[0]) / (edges[1] - edges[0]))
    # At least the probe's own edges, which fitted.
    return max(edges[1], min(_MOST_EDGES, int(_SHARE * part * memory.free_bytes() / bytes_an_edge)))
