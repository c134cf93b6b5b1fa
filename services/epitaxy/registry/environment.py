"""The environment that tells started processes where the registry is; imports nothing heavy."""

import os
from pathlib import Path

PREFIX = "EPITAXY_REGISTRY_"


def registry_environment(folder: Path) -> dict[str, str]:
    """Makes processes started with it use the registry in this folder, unless the operator has named another."""
    name = f"{PREFIX}FOLDER"
    return {} if os.environ.get(name) else {name: str(folder)}
