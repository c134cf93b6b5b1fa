"""Keeps the shipped substrate as an earlier version before another takes its place: ``python -m`` this module."""

import shutil
from pathlib import Path

from epitaxy_models.ensembles.artifact import CARD, WEIGHTS, load_artifact, shipped_model
from epitaxy_models.errors import ConfigurationError


def retire(folder: Path) -> Path:
    """Copies weights and card to ``<name>-<version>`` beside the folder, which the copy's name comes from.

    Raises ConfigurationError (VERSION_TAKEN) if other weights lie there already.
    """
    artifact = load_artifact(folder)
    kept = folder.with_name(f"{folder.name}-{artifact.card.version}")
    if kept.exists():
        if load_artifact(kept).weights_digest != artifact.weights_digest:
            raise ConfigurationError(f"{kept} holds other weights: raise the version", reason="VERSION_TAKEN")
        return kept
    kept.mkdir()
    for name in (WEIGHTS, CARD):
        shutil.copy(folder / name, kept / name)
    return kept


if __name__ == "__main__":
    print(retire(shipped_model()))  # noqa: T201  # a command
