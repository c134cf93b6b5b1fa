"""Weights of an earlier run as the start of another: more epochs, other tasks."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from epitaxy_models.ensembles.artifact import load_artifact
from epitaxy_models.errors import CheckpointError
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.network import EnsembleNetwork, member_axis

# Not trained: fitted on the training part of each run.
_FITTED = ("heads.references", "heads.spreads")


def start_from(network: EnsembleNetwork, config: TrainingConfig) -> None:
    """Copies the averaged weights of ``config.start_from``; a head that the checkpoint lacks keeps its fresh weights.

    Raises CheckpointError if file or folder is missing, lacks a member, or is of another shape.
    """
    path = Path(config.start_from)
    if not path.exists():
        raise CheckpointError(f"{path} to start from does not exist", reason="START_MISSING")
    state = _published(path) if path.is_dir() else torch.load(path, weights_only=True, map_location="cpu")
    _check(state, config, path)
    slots = [tuple(state["members"]).index(member) for member in config.members]
    columns = list(state["config"]["columns"])
    pairs = [(i, columns.index(task.column)) for i, task in enumerate(config.tasks) if task.column in columns]
    with torch.no_grad():
        for name, target in network.state_dict().items():
            if name in _FITTED:
                continue
            source = state["average"][name].index_select(member_axis(name), torch.tensor(slots))
            if name.startswith("heads."):
                _copy_heads(source, target, pairs, len(columns), len(config.tasks))
            else:
                target.copy_(source)


def _published(folder: Path) -> dict[str, Any]:
    """A published model in the form of a checkpoint; its weights were rounded to float16."""
    artifact = load_artifact(folder)
    card = artifact.card
    parts = {"backbone": artifact.backbone, "heads": artifact.heads}
    return {
        "members": tuple(card.training["members"]),
        "config": {"width": card.backbone.width, "n_layers": card.backbone.n_layers, "columns": card.heads},
        "average": {
            f"{part}.{name}": torch.from_numpy(value.astype(np.float32))
            for part, tensors in parts.items()
            for name, value in tensors.items()
        },
    }


def _check(state: dict[str, Any], config: TrainingConfig, path: Path) -> None:
    missing = [member for member in config.members if member not in state["members"]]
    if missing:
        raise CheckpointError(
            f"{path} holds members {list(state['members'])}, not {missing}", reason="START_LACKS_MEMBER"
        )
    shape = {"width": config.width, "n_layers": config.n_layers}
    found = {name: state["config"][name] for name in shape}
    if found != shape:
        raise CheckpointError(f"{path} is of shape {found}, this run of {shape}", reason="START_OF_OTHER_SHAPE")


def _copy_heads(source: Tensor, target: Tensor, pairs: list[tuple[int, int]], n_source: int, n_target: int) -> None:
    """Heads lie side by side in the third axis, as blocks of one property each."""
    leading = source.shape[:2]
    from_blocks, to_blocks = source.reshape(*leading, n_source, -1), target.view(*leading, n_target, -1)
    for to_index, from_index in pairs:
        to_blocks[:, :, to_index] = from_blocks[:, :, from_index]
