r"""Factorized edge messages: one fused kernel on CPU, plain tensor operations elsewhere.

For the edge from neighbour j to centre i at distance d with weight w, channel by channel:

.. math::

    z_{ij} = A_i + B_j + T(d_{ij}), \qquad
    m_i = \sum_j w_{ij}\; g(z^{gate}_{ij})\; z^{core}_{ij}\, g(z^{core}_{ij})

A and B are linear in the node states, computed once a node and not once an edge; T is a learned filter of the
distance, tabulated on a grid and interpolated linearly. The gate is algebraic, ``g(x) = (1 + x / (1 + |x|)) / 2``:
the shape of a logistic function without an exponential, so that compilers vectorize it. After Xie & Grossman 2018,
eq. 5 (gated convolution).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.backbones.weighted_backward import weighted_backward
from epitaxy_models.compiled import compiled

Float = NDArray[np.float32]
Index = NDArray[np.int32]


def edge_messages(
    centre: Tensor, neighbour: Tensor, table: Tensor, rows: Tensor, sources: Tensor, positions: Tensor, weights: Tensor
) -> Tensor:
    """Sums the gated messages that reach each node.

    Args:
        centre: Term of the receiving node, gates then cores, ``[n_members, n_nodes, 2 * width]``.
        neighbour: Term of the sending node, same shape.
        table: Filter of the distance on the grid, ``[n_members, n_grid, 2 * width]``.
        rows: Edges of node i are ``rows[i]`` to ``rows[i + 1]``, int32 ``[n_nodes + 1]``.
        sources: Sending node of each edge, int32 ``[n_edges]``.
        positions: Distance of each edge in grid steps, within ``[0, n_grid - 1)``, ``[n_edges]``.
        weights: Multiplicity times smooth cutoff of each edge, ``[n_edges]``; or, where its gradient is asked for,
            one a member, ``[n_members, n_edges]``.

    Returns:
        Shape ``[n_members, n_nodes, width]``.
    """
    if centre.device.type == "cpu" and centre.dtype == torch.float32:
        if weights.dim() == 2:
            weighted: Tensor = _WeightedMessages.apply(centre, neighbour, table, rows, sources, positions, weights)  # type: ignore[no-untyped-call]  # torch types apply as untyped
            return weighted
        result: Tensor = _FusedMessages.apply(centre, neighbour, table, rows, sources, positions, weights)  # type: ignore[no-untyped-call]  # torch types apply as untyped
        return result
    return reference_messages(centre, neighbour, table, rows, sources, positions, weights)


def reference_messages(
    centre: Tensor, neighbour: Tensor, table: Tensor, rows: Tensor, sources: Tensor, positions: Tensor, weights: Tensor
) -> Tensor:
    """The same sum in plain tensor operations: for accelerators, other dtypes, and as the oracle of the kernel."""
    degrees = (rows[1:] - rows[:-1]).long()
    receivers = torch.repeat_interleave(torch.arange(len(degrees), device=rows.device), degrees)
    lower = positions.long()
    fraction = (positions - lower).unsqueeze(-1)
    edge_filter = table[:, lower] * (1 - fraction) + table[:, lower + 1] * fraction
    mixed = centre[:, receivers] + neighbour[:, sources.long()] + edge_filter
    gate, core = mixed.chunk(2, dim=-1)
    messages = weights.unsqueeze(-1) * algebraic_gate(gate) * core * algebraic_gate(core)
    summed = messages.new_zeros(centre.shape[0], centre.shape[1], centre.shape[2] // 2)
    return summed.index_add(1, receivers, messages)


def algebraic_gate(x: Tensor) -> Tensor:
    """``(1 + x / (1 + |x|)) / 2``, in (0, 1)."""
    return 0.5 + 0.5 * x / (1 + x.abs())


class _FusedMessages(torch.autograd.Function):
    """Runs forward and backward without ever storing a value per edge and channel."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        arrays = _as_arrays(inputs)
        ctx.save_for_backward(*inputs)
        summed = np.empty((*arrays[0].shape[:2], arrays[0].shape[2] // 2), dtype=np.float32)
        _forward(*[*arrays, summed])
        return torch.from_numpy(summed)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        arrays = _as_arrays(ctx.saved_tensors)
        slopes = [np.zeros_like(array) for array in arrays[:3]]
        _backward(*arrays, *_as_arrays(gradients), *slopes)
        return (*(torch.from_numpy(slope) for slope in slopes), None, None, None, None)


class _WeightedMessages(torch.autograd.Function):
    """The fused messages with a weight a member and the gradient of it; the distance filter gets none."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        centre, neighbour, table, rows, sources, positions, weights = _as_arrays(inputs)
        ctx.save_for_backward(*inputs)
        summed = np.empty((*centre.shape[:2], centre.shape[2] // 2), dtype=np.float32)
        for member in range(len(centre)):
            one = slice(member, member + 1)
            _forward(centre[one], neighbour[one], table[one], rows, sources, positions, weights[member], summed[one])
        return torch.from_numpy(summed)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        arrays = _as_arrays(ctx.saved_tensors)
        slopes = [np.zeros_like(arrays[index]) for index in (0, 1, 6)]
        weighted_backward(*arrays, *_as_arrays(gradients), *slopes)
        centre, neighbour, weights = (torch.from_numpy(slope) for slope in slopes)
        return centre, neighbour, None, None, None, None, weights


def _as_arrays(tensors: Sequence[Tensor]) -> list[Any]:
    """Views of the tensors' memory."""
    return [value.detach().contiguous().numpy() for value in tensors]


@compiled(fastmath=True)
def _forward(
    centre: Float,
    neighbour: Float,
    table: Float,
    rows: Index,
    sources: Index,
    positions: Float,
    weights: Float,
    summed: Float,
) -> None:
    width = centre.shape[2] // 2
    one, half = np.float32(1.0), np.float32(0.5)
    for member in range(centre.shape[0]):
        for node in range(centre.shape[1]):
            total = summed[member, node]
            total[:] = np.float32(0.0)
            own = centre[member, node]
            for edge in range(rows[node], rows[node + 1]):
                weight = weights[edge]
                if weight == np.float32(0.0):  # taken away by an explanation; no crystal has such
                    continue
                other = neighbour[member, sources[edge]]
                step = int(positions[edge])
                upper = positions[edge] - np.float32(step)
                lower = one - upper
                low, high = table[member, step], table[member, step + 1]
                for c in range(width):
                    gate = own[c] + other[c] + lower * low[c] + upper * high[c]
                    core = own[width + c] + other[width + c] + lower * low[width + c] + upper * high[width + c]
                    opening = half + half * gate / (one + abs(gate))
                    total[c] += weight * opening * core * (half + half * core / (one + abs(core)))


@compiled(fastmath=True)
def _backward(
    centre: Float,
    neighbour: Float,
    table: Float,
    rows: Index,
    sources: Index,
    positions: Float,
    weights: Float,
    slope: Float,
    centre_slope: Float,
    neighbour_slope: Float,
    table_slope: Float,
) -> None:
    width = centre.shape[2] // 2
    one, half = np.float32(1.0), np.float32(0.5)
    gate_slope = np.empty(width, dtype=np.float32)
    core_slope = np.empty(width, dtype=np.float32)
    for member in range(centre.shape[0]):
        for node in range(centre.shape[1]):
            own, outer = centre[member, node], slope[member, node]
            own_slope = centre_slope[member, node]
            for edge in range(rows[node], rows[node + 1]):
                other, other_slope = neighbour[member, sources[edge]], neighbour_slope[member, sources[edge]]
                step = int(positions[edge])
                upper = positions[edge] - np.float32(step)
                lower = one - upper
                low, high = table[member, step], table[member, step + 1]
                low_slope, high_slope = table_slope[member, step], table_slope[member, step + 1]
                weight = weights[edge]
                for c in range(width):
                    gate = own[c] + other[c] + lower * low[c] + upper * high[c]
                    core = own[width + c] + other[width + c] + lower * low[width + c] + upper * high[width + c]
                    shrink_gate = one / (one + abs(gate))
                    shrink_core = one / (one + abs(core))
                    opening = half + half * gate * shrink_gate
                    activity = half + half * core * shrink_core
                    scaled = weight * outer[c]
                    gate_slope[c] = scaled * core * activity * half * shrink_gate * shrink_gate
                    core_slope[c] = scaled * opening * (activity + half * core * shrink_core * shrink_core)
                for c in range(width):
                    own_slope[c] += gate_slope[c]
                    other_slope[c] += gate_slope[c]
                    low_slope[c] += lower * gate_slope[c]
                    high_slope[c] += upper * gate_slope[c]
                for c in range(width):
                    own_slope[width + c] += core_slope[c]
                    other_slope[width + c] += core_slope[c]
                    low_slope[width + c] += lower * core_slope[c]
                    high_slope[width + c] += upper * core_slope[c]
