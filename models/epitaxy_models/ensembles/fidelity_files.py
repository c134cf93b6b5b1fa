"""Heads of further fidelities beside a model's weights: ``fidelity-models.safetensors`` and ``.json``; no code runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from epitaxy_models.ensembles.side_files import content_digest, replace_file
from epitaxy_models.errors import CheckpointError
from epitaxy_models.heads.fidelity_heads import N_FOLDS, FidelityHead, FidelityHeads
from epitaxy_models.heads.property import Fidelity

WEIGHTS, RECORD = "fidelity-models.safetensors", "fidelity-models.json"
_FORMAT = "epitaxy-fidelity-models-1"


def save_fidelity_heads(heads: FidelityHeads, folder: Path) -> None:
    """Writes both files beside a model; the record names the model and the digest of the weights."""
    tensors: dict[str, NDArray[Any]] = {f"weights.{head.fidelity}": head.weights for head in heads.heads}
    tensors |= {f"gate.{head.fidelity}": head.gate for head in heads.heads if head.gate is not None}
    content = save_tensors({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    listed = [{"fidelity": str(h.fidelity), "unit": h.unit, "largest": h.largest} for h in heads.heads]
    record = {
        "format": _FORMAT,
        "model": heads.weights_digest,
        "weights": content_digest(content),
        "heads": listed,
        "record": heads.record,
    }
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / WEIGHTS, content)
    replace_file(folder / RECORD, f"{json.dumps(record, indent=1, allow_nan=False)}\n".encode())


def load_fidelity_heads(folder: Path, weights_digest: str, width: int) -> FidelityHeads | None:
    """Reads the heads of the model with that digest; None if the folder has none, or another model's.

    ``width`` is the number of columns that a head reads, the constant included. Raises CheckpointError
    (UNREADABLE_FIDELITY_MODELS) if they are damaged or of another version.
    """
    if not (folder / RECORD).exists():
        return None
    try:
        record = json.loads((folder / RECORD).read_bytes())
        if record["format"] != _FORMAT:
            raise ValueError(f"format {record['format']!r:.60}")
        if record["model"] != weights_digest:
            return None
        content = (folder / WEIGHTS).read_bytes()
        if content_digest(content) != record["weights"]:
            raise ValueError(f"{WEIGHTS} is not the file that the record names")
        tensors = load_tensors(content)
        heads = tuple(_head(entry, tensors, width) for entry in record["heads"])
        return FidelityHeads(heads, weights_digest, record["record"], record["weights"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder} holds no readable fidelity models: {error}; build them again",
            reason="UNREADABLE_FIDELITY_MODELS",
        ) from error


def _head(entry: dict[str, Any], tensors: dict[str, NDArray[Any]], width: int) -> FidelityHead:
    name = entry["fidelity"]
    weights, gate = tensors[f"weights.{name}"], tensors.get(f"gate.{name}")
    for tensor in (weights, *([gate] if gate is not None else [])):
        if tensor.shape != (N_FOLDS, width) or not np.isfinite(tensor).all():
            raise ValueError(
                f"weights of {name} have shape {list(tensor.shape)}, not {[N_FOLDS, width]}, or are infinite"
            )
    return FidelityHead(Fidelity(name), str(entry["unit"]), weights, gate, float(entry["largest"]))
