"""Gradient of the fused messages to node terms and edge weights: what explanations differentiate."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled

Float = NDArray[np.float32]
Index = NDArray[np.int32]


@compiled(fastmath=True)
def weighted_backward(
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
    weight_slope: Float,
) -> None:
    """Adds to the last three arrays, shaped as ``centre``, ``neighbour`` and ``weights`` ``[n_members, n_edges]``.

    The loop over channels is that of ``messages._backward`` written out again: with one inner function for both either
    took a quarter longer (1.24 and 1.28 times, five members of 14,000 edges, medians of 13 in turn).

    Arguments are those of ``edge_messages``; ``slope`` is the gradient of what it returns.
    """
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
                weight, felt = weights[member, edge], np.float32(0.0)
                for c in range(width):
                    gate = own[c] + other[c] + lower * low[c] + upper * high[c]
                    core = own[width + c] + other[width + c] + lower * low[width + c] + upper * high[width + c]
                    shrink_gate = one / (one + abs(gate))
                    shrink_core = one / (one + abs(core))
                    opening = half + half * gate * shrink_gate
                    activity = half + half * core * shrink_core
                    felt += outer[c] * opening * core * activity
                    scaled = weight * outer[c]
                    gate_slope[c] = scaled * core * activity * half * shrink_gate * shrink_gate
                    core_slope[c] = scaled * opening * (activity + half * core * shrink_core * shrink_core)
                weight_slope[member, edge] += felt
                for c in range(width):
                    own_slope[c] += gate_slope[c]
                    other_slope[c] += gate_slope[c]
                    own_slope[width + c] += core_slope[c]
                    other_slope[width + c] += core_slope[c]
