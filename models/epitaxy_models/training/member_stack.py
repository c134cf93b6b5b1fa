"""Members of several runs as the weights of one model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from epitaxy_models.training.network import member_axis

_FITTED = ("heads.references", "heads.spreads")


def stack_members(checkpoints: Sequence[dict[str, Any]]) -> dict[str, NDArray[np.float32]]:
    """Averaged weights of several runs as one stack, members in ascending order."""
    first = checkpoints[0]["average"]
    stacked = {}
    for name in first:
        if name in _FITTED:
            stacked[name] = first[name].numpy()
            continue
        axis = member_axis(name)
        slices = [
            (member, run["average"][name].select(axis, slot))
            for run in checkpoints
            for slot, member in enumerate(run["members"])
        ]
        ordered = [weights for _, weights in sorted(slices, key=lambda entry: entry[0])]
        stacked[name] = torch.stack(ordered, dim=axis).numpy()
    return stacked


def keep_heads(weights: dict[str, NDArray[np.float32]], kept: Sequence[int]) -> dict[str, NDArray[np.float32]]:
    """The same weights with some of the heads, in the given order; heads lie in blocks along the third axis."""
    n_heads = len(weights["heads.spreads"])
    chosen = list(kept)
    result = {}
    for name, value in weights.items():
        if name in _FITTED:
            result[name] = value[..., chosen]
        elif name.startswith("heads."):
            blocks = value.reshape(*value.shape[:2], n_heads, -1)[:, :, chosen]
            result[name] = blocks.reshape(*value.shape[:2], -1, *value.shape[3:])
        else:
            result[name] = value
    return result
