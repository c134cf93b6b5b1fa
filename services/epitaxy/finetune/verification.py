"""Whether a version can be served, seen before a decision makes it the champion.

The files are fetched anew from the registry's store, because a copy that is whole here says nothing of what a replica
on another machine will fetch.
"""

import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.finetune.ports import ModelRegistry
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.errors import CheckpointError
from epitaxy_models.transfer.fitted.outline import check_outline

_LOG = logging.getLogger(__name__)
_NETWORK_PREFIX = "network"
_LOADING_SECONDS = 120.0
_EXIT_DAMAGED = 3


@dataclass(frozen=True, slots=True)
class VersionVerifier:
    """Fetches a version and loads it, as a replica would."""

    registry: ModelRegistry

    def __call__(self, version: ModelVersion) -> None:
        """Raises FailedPreconditionError for a version that no replica could serve; what the registry raises too."""
        try:
            with TemporaryDirectory() as scratch:
                self.registry.download(version, Path(scratch))
                check_loads(Path(scratch))
        except CheckpointError as error:
            _LOG.warning("%s version %s does not load: %s", version.model, version.version, error.message)
            raise FailedPreconditionError(
                f"{version.model.name} version {version.version} cannot be served: {error.message}; the champion stays",
                reason=error.reason,
            ) from error


def check_loads(folder: Path) -> None:
    """Loads the model in a folder; a network in another process. Raises CheckpointError.

    Where what restores a model is not installed, as in the image of the API, the outline of the files is checked: they
    are those that the worker loaded before it registered them, since their digest is.
    """
    kinds = check_outline(folder)
    if any(kind.startswith(_NETWORK_PREFIX) for kind in kinds):
        _load_apart(folder)
    else:
        _load(folder)


def _load(folder: Path) -> None:
    try:
        from epitaxy_models.transfer.fitted.model import TransferModel  # noqa: PLC0415  # not in every image
    except ModuleNotFoundError as error:
        _LOG.info("checked by outline, without %s", error.name)
    else:
        TransferModel.load(folder)


def _load_apart(folder: Path) -> None:
    """In a process of its own: torch would stay in this one."""
    command = [sys.executable, "-m", "epitaxy.finetune.verification", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LOADING_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise CheckpointError(f"it was not loaded within {_LOADING_SECONDS:.0f} s", reason="MODEL_TOO_SLOW") from error
    if done.returncode == _EXIT_DAMAGED:
        reason, _, message = done.stdout.strip().partition(" ")
        raise CheckpointError(message, reason=reason)
    if done.returncode:
        _LOG.warning("a model ended the process that loaded it: %s", done.stderr[-2000:])
        raise CheckpointError("it ends the process that loads it", reason="INVALID_STATE")


def main(folder: Path) -> int:
    """Loads a model that brings a backbone of its own; tells by its exit code whether that went well."""
    try:
        _load(folder)
    except CheckpointError as error:
        sys.stdout.write(f"{error.reason} {error.message}\n")
        return _EXIT_DAMAGED
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
