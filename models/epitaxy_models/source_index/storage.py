"""A source index as one file: arrays and compressed texts in safetensors. Loading executes no code."""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from epitaxy_models.ensembles.artifact import shipped_model
from epitaxy_models.errors import CheckpointError
from epitaxy_models.source_index.index import QuantisedVectors, SourceIndex, SourceLabels
from epitaxy_models.source_index.materials import SourceMaterials
from epitaxy_models.source_index.projection import LatentProjection

FILE_NAME = "source-index.safetensors"
_FORMAT = "epitaxy-source-index-1"
# No id and no formula of a crystal is longer; a small file cannot claim a huge text.
_TEXT_BYTES_A_ROW = 400


def save_source_index(index: SourceIndex, path: Path) -> None:
    """Writes an index; the file replaces an older one only once it is whole."""
    tensors = {
        "centre": index.projection.centre,
        "directions": index.projection.directions,
        "codes": index.quantised.codes,
        "steps": index.quantised.steps,
        "ids": _packed(index.materials.ids),
        "formulas": _packed(index.materials.formulas),
        "space_groups": index.materials.space_groups,
        "keys": index.materials.keys,
        "labels": index.labels.values,
        "held_out_distances": index.held_out_distances,
    }
    properties = dict(zip(index.labels.names, index.labels.units, strict=True))
    metadata = {"format": _FORMAT, "model": index.weights_digest, "properties": json.dumps(properties)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, part, metadata)
    # safetensors writes for the owner alone; a server runs as somebody else.
    part.chmod(0o644)
    part.replace(path)


def load_source_index(path: Path, weights_digest: str) -> SourceIndex:
    """Reads the index of the model with that digest.

    Raises CheckpointError if the file is missing (SOURCE_INDEX_MISSING), damaged or of another version, or if it
    is another model's (FOREIGN_SOURCE_INDEX).
    """
    if not path.exists():
        raise CheckpointError(
            f"{path} does not exist: build it with python -m epitaxy_models.source_index", reason="SOURCE_INDEX_MISSING"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dictionary
        if metadata.get("format") != _FORMAT:
            raise CheckpointError(
                f"{path} is not a source index of this version: build it again", reason="STALE_SOURCE_INDEX"
            )
        index = _index_of(tensors, metadata)
    except (OSError, SafetensorError, KeyError, ValueError, zlib.error) as error:
        raise CheckpointError(
            f"{path} holds no readable source index: {error}", reason="UNREADABLE_SOURCE_INDEX"
        ) from error
    index.check_model(weights_digest)
    return index


def shipped_source_index(weights_digest: str) -> SourceIndex:
    """The index that lies beside the weights of the package; ``weights_digest`` is theirs. Raises CheckpointError."""
    return load_source_index(shipped_model() / FILE_NAME, weights_digest)


def _index_of(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> SourceIndex:
    properties: dict[str, str] = json.loads(metadata["properties"])
    n_rows = len(tensors["codes"])
    return SourceIndex(
        metadata["model"],
        LatentProjection(tensors["centre"], tensors["directions"]),
        QuantisedVectors(tensors["codes"], tensors["steps"]),
        SourceMaterials(
            _unpacked(tensors["ids"], n_rows),
            _unpacked(tensors["formulas"], n_rows),
            tensors["space_groups"],
            tensors["keys"],
        ),
        SourceLabels(tuple(properties), tuple(properties.values()), tensors["labels"]),
        tensors["held_out_distances"],
    )


def _packed(texts: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.compress("\n".join(texts).encode(), 9), dtype=np.uint8)


def _unpacked(packed: NDArray[np.uint8], n_rows: int) -> tuple[str, ...]:
    limit = max(1, _TEXT_BYTES_A_ROW * n_rows)
    reader = zlib.decompressobj()
    content = reader.decompress(packed.tobytes(), limit)
    if not reader.eof:
        raise ValueError(f"a text column is cut off or longer than {limit} bytes")
    return tuple(content.decode().split("\n"))
