"""Names of the pretraining materials that a substrate measures nearness from, and which of them are nearest."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.latent import LatentSpace

ANCHORS_FILE = "anchors.txt"
_LOG = logging.getLogger(__name__)
_ROWS_A_BLOCK = 512


@dataclass(frozen=True, slots=True, eq=False)
class NamedAnchors:
    """The anchors of a substrate with their names.

    Attributes:
        latent: Where they lie.
        names: Canonical SMILES or formulas, ``[n_anchors]``; empty where the substrate came without.
    """

    latent: LatentSpace
    names: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path, latent: LatentSpace) -> "NamedAnchors":
        """Reads the names; a file that is missing, or of other weights, names nothing."""
        try:
            digest, *names = (folder / ANCHORS_FILE).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return cls(latent, ())
        if digest != _digest(latent) or len(names) != len(latent.anchors):
            _LOG.warning("%s holds names of other weights: nearest materials are not named", folder.name)
            return cls(latent, ())
        return cls(latent, tuple(names))

    def nearest(self, points: NDArray[np.float32], n_wanted: int) -> list[tuple[tuple[str, float], ...]]:
        """Names and distances of the nearest anchors of each point, ``[n, n_directions]``; nothing without names."""
        found: list[tuple[tuple[str, float], ...]] = []
        anchors = self.latent.anchors.astype(np.float64)
        for start in range(0, len(points), _ROWS_A_BLOCK):
            block = points[start : start + _ROWS_A_BLOCK].astype(np.float64)
            squared = (block**2).sum(axis=1)[:, None] + (anchors**2).sum(axis=1) - 2 * block @ anchors.T
            distances = np.sqrt(np.maximum(squared, 0.0))
            for row in distances:
                order: list[int] = np.argsort(row, kind="stable")[:n_wanted].tolist() if self.names else []
                found.append(tuple((self.names[place], float(row[place])) for place in order))
        return found


def save_names(folder: Path, latent: LatentSpace, names: Sequence[str]) -> None:
    """Writes the names beside the weights, under a digest of the anchors that they belong to."""
    if len(names) != len(latent.anchors):
        raise ValueError(f"{len(names)} names for {len(latent.anchors)} anchors")
    (folder / ANCHORS_FILE).write_text("\n".join([_digest(latent), *names, ""]), encoding="utf-8")


def _digest(latent: LatentSpace) -> str:
    return f"sha256:{hashlib.sha256(latent.anchors.astype('<f2').tobytes()).hexdigest()}"
