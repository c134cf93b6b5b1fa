"""Substrates at hand: the one that new work stands on, and earlier ones that tenants' models were fitted on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from epitaxy_models.ensembles.artifact import CARD, ModelArtifact, load_artifact, shipped_model
from epitaxy_models.errors import CheckpointError


def shipped_models() -> tuple[Path, ...]:
    """Folders of all substrates that come with the package: the present one, then earlier ones, the newest first.

    An earlier one is named ``<name>-<version>`` beside the present one. It has weights and card, and no source index:
    nothing new is fitted on it.
    """
    present = shipped_model()
    found = present.parent.glob(f"{present.name}-*")
    return present, *sorted(found, key=_version_of, reverse=True)


@dataclass(frozen=True, slots=True)
class StoredSubstrate:
    """A substrate on disk, as its card names it."""

    folder: Path
    name: str
    version: str

    @property
    def label(self) -> str:
        """``NAME:VERSION``."""
        return f"{self.name}:{self.version}"

    @classmethod
    def of(cls, folder: Path) -> "StoredSubstrate":
        """Reads the card alone. Raises CheckpointError."""
        try:
            record = json.loads((folder / CARD).read_bytes())
            return cls(folder, record["name"], record["version"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{folder} holds no readable card: {error}", reason="UNREADABLE_CHECKPOINT"
            ) from error


class SubstrateCatalogue:
    """Finds earlier substrates by weights digest or by version. Safe for threads; weights are read on first need."""

    def __init__(self, current: ModelArtifact, folders: Sequence[Path]) -> None:
        """``folders`` may hold ``current`` again. Raises CheckpointError for a folder without a readable card."""
        self.current = current
        self._stored = [StoredSubstrate.of(folder) for folder in folders]
        self._digests: dict[Path, str] = {}
        self._artifacts: dict[str, ModelArtifact] = {current.weights_digest: current}
        self._lock = Lock()

    @property
    def earlier(self) -> tuple[str, ...]:
        """``NAME:VERSION`` of the earlier substrates, in the order of their folders."""
        return tuple(dict.fromkeys(entry.label for entry in self._stored if entry.label != self.current.label))

    def of_digest(self, digest: str) -> ModelArtifact | None:
        """The substrate with these weights, which stays loaded; None if there is none."""
        with self._lock:
            if digest in self._artifacts:
                return self._artifacts[digest]
        for entry in self._stored:
            if self._digests.get(entry.folder, digest) == digest:
                artifact = self._load(entry)
                if artifact.weights_digest == digest:
                    return self._kept(artifact)
        return None

    def require(self, digest: str, label: str = "another substrate") -> ModelArtifact:
        """The substrate with these weights. Raises CheckpointError (WRONG_BASE), which names it by ``label``."""
        found = self.of_digest(digest)
        if found is None:
            raise CheckpointError(
                f"the model was fitted on {label}, which this server does not have: fit it again on this base",
                reason="WRONG_BASE",
            )
        return found

    def of_version(self, name: str, version: str) -> ModelArtifact | None:
        """The earlier substrate of that name and version; None if there is none."""
        found = next((entry for entry in self._stored if (entry.name, entry.version) == (name, version)), None)
        return None if found is None else self._kept(self._load(found))

    def folder_of(self, artifact: ModelArtifact) -> Path:
        """Folder of an earlier substrate that was found here. Raises CheckpointError for any other."""
        for folder, digest in self._digests.items():
            if digest == artifact.weights_digest:
                return folder
        raise CheckpointError(f"{artifact.label} is not in the catalogue", reason="WRONG_BASE")

    def _load(self, entry: StoredSubstrate) -> ModelArtifact:
        artifact = load_artifact(entry.folder)
        with self._lock:
            self._digests[entry.folder] = artifact.weights_digest
        return artifact

    def _kept(self, artifact: ModelArtifact) -> ModelArtifact:
        """The artifact of these weights that was loaded first."""
        with self._lock:
            return self._artifacts.setdefault(artifact.weights_digest, artifact)


def _version_of(folder: Path) -> tuple[int, str]:
    """Versions are whole numbers; any other name sorts first."""
    version = folder.name.rpartition("-")[2]
    return (int(version), version) if version.isdecimal() else (-1, version)
