"""A substrate of molecules or compositions on disk: weights and card. Loading executes no code."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from epitaxy_models.calibration.nearness import NearnessModel
from epitaxy_models.ensembles.artifact import CARD, WEIGHTS
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.errors import CheckpointError
from epitaxy_models.heads.readout import PropertyReadout

_EXACT = {"heads.references", "heads.spreads"}
_HEADS = tuple(f"heads.{field.name}" for field in fields(PropertyReadout))


@dataclass(frozen=True, slots=True, eq=False)
class MaterialArtifact:
    """One version of one substrate whose materials have no crystal.

    Attributes:
        card: What is known about it.
        digest: ``sha256:`` of weights and card.
        backbone: Weights of the stacked backbone by name, float32.
        heads: Weights of all heads by name, float32.
        nearness: Distance of a material to the pretraining data.
    """

    card: ModelCard
    digest: str
    backbone: Mapping[str, NDArray[np.float32]]
    heads: Mapping[str, NDArray[np.float32]]
    nearness: NearnessModel

    @property
    def label(self) -> str:
        """``NAME:VERSION``."""
        return f"{self.card.name}:{self.card.version}"

    @property
    def n_heads(self) -> int:
        """Heads, served or not."""
        return len(self.heads["spreads"])

    def readout(self, heads: Sequence[int] | None = None) -> PropertyReadout:
        """Heads by index; by default those of the served properties, in the card's order."""
        chosen = [entry.head for entry in self.card.properties] if heads is None else list(heads)
        return PropertyReadout.from_tensors(dict(self.heads), chosen)


def load_material_artifact(folder: Path) -> MaterialArtifact:
    """Reads and checks a substrate. Raises CheckpointError if a file is missing, damaged or of another version."""
    try:
        card_text, weights = (folder / CARD).read_bytes(), (folder / WEIGHTS).read_bytes()
        tensors = load_file(folder / WEIGHTS)
        card = ModelCard.from_json(json.loads(card_text))
        nearness = NearnessModel.from_tensors(_under("nearness.", tensors))
    except (OSError, SafetensorError, ValueError) as error:  # ValueError: no JSON, or no UTF-8
        raise CheckpointError(f"{folder} holds no readable model: {error}", reason="UNREADABLE_CHECKPOINT") from error
    except KeyError as error:
        raise CheckpointError(f"{folder} lacks nearness.{error.args[0]}", reason="INCOMPLETE_CHECKPOINT") from error
    missing = [name for name in _HEADS if name not in tensors]
    if missing:
        raise CheckpointError(f"{folder} lacks {', '.join(missing)}", reason="INCOMPLETE_CHECKPOINT")
    n_heads = len(tensors["heads.spreads"])
    if len(card.heads) != n_heads or not all(0 <= entry.head < n_heads for entry in card.properties):
        raise CheckpointError(f"{folder} has {n_heads} heads, other than its card names", reason="INVALID_CARD")
    backbone, heads = (_float32(_under(part, tensors)) for part in ("backbone.", "heads."))
    return MaterialArtifact(card, _digest(weights, card_text), backbone, heads, nearness)


def digest_of_material_artifact(folder: Path) -> str:
    """The digest that a substrate in a folder has once it is loaded. Raises CheckpointError if a file is missing."""
    try:
        return _digest((folder / WEIGHTS).read_bytes(), (folder / CARD).read_bytes())
    except OSError as error:
        raise CheckpointError(f"{folder} holds no readable model: {error}", reason="UNREADABLE_CHECKPOINT") from error


def save_material_artifact(
    folder: Path, card: ModelCard, weights: Mapping[str, NDArray[np.float32]], nearness: NearnessModel
) -> None:
    """Writes a substrate; weights in float16, but for references and spreads of the heads, which carry units."""
    tensors = {name: value if name in _EXACT else value.astype(np.float16) for name, value in weights.items()}
    tensors |= {f"nearness.{name}": value for name, value in nearness.tensors().items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / WEIGHTS)
    # safetensors writes for the owner alone; a server runs as somebody else.
    (folder / WEIGHTS).chmod(0o644)
    (folder / CARD).write_text(json.dumps(card.as_json(), indent=1) + "\n")


def _digest(weights: bytes, card_text: bytes) -> str:
    parts = hashlib.sha256(weights).digest() + hashlib.sha256(card_text).digest()
    return f"sha256:{hashlib.sha256(parts).hexdigest()}"


def _float32(tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
    return {name: value.astype(np.float32) for name, value in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
