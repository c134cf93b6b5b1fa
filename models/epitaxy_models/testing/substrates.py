"""A later version of a substrate for tests: weights of the same shape, other values."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from epitaxy_models.ensembles.artifact import CARD, WEIGHTS, shipped_model

_SPREAD = 0.02


def write_later_substrate(folder: Path, version: str, source: Path | None = None) -> Path:
    """Writes a copy of a substrate (the shipped one) as another version of it; returns its folder.

    Weights of the backbone differ by 2 % at random, so that embeddings and predictions of the two differ visibly. The
    copy has no source index, which belongs to the weights.
    """
    source = source or shipped_model()
    folder.mkdir(parents=True)
    generator = np.random.default_rng(len(version))
    tensors = load_file(source / WEIGHTS)
    for name in sorted(name for name in tensors if name.startswith("backbone.")):
        noise = 1 + _SPREAD * generator.standard_normal(tensors[name].shape)
        tensors[name] = (tensors[name] * noise).astype(tensors[name].dtype)
    save_file(tensors, folder / WEIGHTS)
    card = json.loads((source / CARD).read_text()) | {"version": version}
    (folder / CARD).write_text(json.dumps(card))
    return folder
