"""A model on disk: ``weights.safetensors`` and ``card.json``. Loading executes no code."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from epitaxy_models.calibration.domain import TENSOR_NAMES, DomainModel
from epitaxy_models.calibration.geometry import GeometryModel
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.fidelity_files import load_fidelity_heads
from epitaxy_models.errors import CheckpointError
from epitaxy_models.heads.fidelity_heads import FidelityHeads
from epitaxy_models.heads.readout import FlooredReadout, PropertyReadout

WEIGHTS, CARD = "weights.safetensors", "card.json"
_GEOMETRY_FIELDS = tuple(field.name for field in fields(GeometryModel))
_REQUIRED = (
    *(f"domain.{name}" for name in TENSOR_NAMES),
    *(f"geometry.{name}" for name in _GEOMETRY_FIELDS),
    *(f"heads.{field.name}" for field in fields(PropertyReadout)),
)


@dataclass(frozen=True, slots=True, eq=False)
class ModelArtifact:
    """One version of one model.

    Attributes:
        card: What is known about it.
        digest: ``sha256:`` of weights and card; two models of one digest give equal answers.
        weights_digest: ``sha256:`` of backbone, heads and rule alone; two models of one weights digest give equal
            embeddings and members' predictions, however they are calibrated.
        backbone: Weights of the stacked backbone by name, float32.
        heads: Weights of all heads by name, float32.
        domain: Distance of a structure to the training data.
        geometry: Density and contacts that are usual there.
        card_json: The card as it lies on disk.
        fidelity_heads: Heads of further fidelities that lie beside the weights; None if there are none for them.
    """

    card: ModelCard
    digest: str
    weights_digest: str
    backbone: Mapping[str, NDArray[np.float32]]
    heads: Mapping[str, NDArray[np.float32]]
    domain: DomainModel
    geometry: GeometryModel
    card_json: str
    fidelity_heads: FidelityHeads | None = None

    @property
    def label(self) -> str:
        """``NAME:VERSION``."""
        return f"{self.card.name}:{self.card.version}"

    @property
    def n_parameters(self) -> int:
        """Weights of all members together."""
        return sum(value.size for part in (self.backbone, self.heads) for value in part.values())

    def readout(self, heads: Sequence[int] | None = None) -> FlooredReadout:
        """Heads by index; by default those of the served properties, in the card's order."""
        chosen = [entry.head for entry in self.card.properties] if heads is None else list(heads)
        floors = np.array([self.card.element_floor(head) for head in chosen], dtype=np.float32)
        equals = [self.card.heads.index(column) for column in self.card.element_equals]
        evaluated = chosen + [head for head in equals if set(equals) & set(chosen) and head not in chosen]
        places = tuple(evaluated.index(head) for head in equals if head in evaluated)
        return FlooredReadout(PropertyReadout.from_tensors(dict(self.heads), evaluated), floors, places)

    def supported_elements(self) -> list[int]:
        """Atomic numbers that occur in the training data at all."""
        return [int(z) for z in np.flatnonzero(self.domain.element_counts)]


def shipped_model() -> Path:
    """Folder of the ensemble that comes with the package."""
    return Path(str(files("epitaxy_models") / "pretrained" / "substrate-mp"))


def load_artifact(folder: Path) -> ModelArtifact:
    """Reads and checks a model. Raises CheckpointError if a file is missing, damaged or of another version."""
    try:
        card_text = (folder / CARD).read_bytes()
        weights = (folder / WEIGHTS).read_bytes()
        tensors = load_file(folder / WEIGHTS)
        card = ModelCard.from_json(json.loads(card_text))
        rule = card.crystal_rule
    except (OSError, SafetensorError, ValueError) as error:  # ValueError: no JSON, or no UTF-8
        raise CheckpointError(f"{folder} holds no readable model: {error}", reason="UNREADABLE_CHECKPOINT") from error
    missing = [name for name in _REQUIRED if name not in tensors]
    if missing:
        raise CheckpointError(f"{folder} lacks {', '.join(missing)}", reason="INCOMPLETE_CHECKPOINT")
    n_heads = len(tensors["heads.spreads"])
    if not all(0 <= entry.head < n_heads for entry in card.properties):
        raise CheckpointError(f"{folder} has {n_heads} heads, fewer than its card names", reason="INVALID_CARD")
    digest = hashlib.sha256(hashlib.sha256(weights).digest() + hashlib.sha256(card_text).digest())
    backbone, heads = _under("backbone.", tensors), _under("heads.", tensors)
    weights_digest = _digest_of_weights(rule.version, backbone, heads)
    n_embedding = card.backbone.n_members * card.backbone.embedding_width
    return ModelArtifact(
        card=card,
        digest=f"sha256:{digest.hexdigest()}",
        weights_digest=weights_digest,
        backbone=backbone,
        heads=heads,
        domain=DomainModel.from_tensors({name: tensors[f"domain.{name}"] for name in TENSOR_NAMES}),
        geometry=GeometryModel(**{name: tensors[f"geometry.{name}"] for name in _GEOMETRY_FIELDS}),
        card_json=card_text.decode(),
        fidelity_heads=load_fidelity_heads(folder, weights_digest, n_embedding + 2 * n_heads + 1),
    )


def save_artifact(
    folder: Path,
    card: ModelCard,
    weights: Mapping[str, NDArray[np.float32]],
    domain: DomainModel,
    geometry: GeometryModel,
) -> None:
    """Writes a model; weights in float16, which moves no prediction beyond the golden tolerance.

    Weights are named ``backbone.*`` and ``heads.*``. The references of the heads stay float32: they add up energies.
    """
    exact = {"heads.references", "heads.spreads"}
    tensors = {name: value if name in exact else value.astype(np.float16) for name, value in weights.items()}
    tensors |= {f"domain.{name}": value for name, value in domain.tensors().items()}
    tensors |= {f"geometry.{name}": getattr(geometry, name) for name in _GEOMETRY_FIELDS}
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / WEIGHTS)
    # safetensors writes for the owner alone; a server runs as somebody else.
    (folder / WEIGHTS).chmod(0o644)
    (folder / CARD).write_text(json.dumps(card.as_json(), indent=1) + "\n")


def _digest_of_weights(rule: str, *parts: Mapping[str, NDArray[np.float32]]) -> str:
    """One digest a part, over names, shapes and values in the order of the names."""
    whole = hashlib.sha256(rule.encode())
    for part in parts:
        content = hashlib.sha256()
        for name, value in sorted(part.items()):
            content.update(f"{name}{value.shape}".encode())
            content.update(value.tobytes())
        whole.update(content.digest())
    return f"sha256:{whole.hexdigest()}"


def _under(prefix: str, tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
    return {
        name.removeprefix(prefix): value.astype(np.float32)
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
