"""Another commit of this repository in a folder of its own, run with the packages of this virtual environment."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

# Where modules of a tree are imported from, as in pyproject.toml.
_SOURCES = ("services", "models")
_WEIGHTS = Path("models/epitaxy_models/pretrained/substrate-mp/weights.safetensors")


def resolved(commit: str, root: Path) -> str:
    """Short name of a commit, tag or branch. Raises ValueError if the repository has none of that name."""
    command = ["git", "-C", str(root), "rev-parse", "--short", "--verify", "--quiet", f"{commit}^{{commit}}"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise ValueError(f"{commit!r} is no commit of {root}")
    return found.stdout.strip()


@contextmanager
def checkout(commit: str, root: Path) -> Iterator[Path]:
    """A git worktree of the commit in a temporary folder, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="epitaxy-against-") as folder:
        tree = Path(folder) / "tree"
        # What a run that was killed has left registered.
        _git(root, "worktree", "prune")
        _git(root, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git(root, "worktree", "remove", "--force", str(tree))


def environment_of(tree: Path) -> Mapping[str, str]:
    """Variables under which every process imports this tree's code: they come before the installed package's paths."""
    paths = [str((tree / source).resolve()) for source in _SOURCES]
    return {"PYTHONPATH": os.pathsep.join(paths)}


def weights_digest(tree: Path) -> str:
    """Digest of the shipped networks of crystals. Raises OSError if the tree has none there."""
    return sha256((tree / _WEIGHTS).read_bytes()).hexdigest()


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)
