"""Files that lie beside an ensemble's weights: how they are named by their content, and replaced."""

import hashlib
from pathlib import Path


def content_digest(content: bytes) -> str:
    """``sha256:`` and the hexadecimal digest of a file's content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, readable for everyone: a server runs as somebody else."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.chmod(0o644)
    part.replace(path)
