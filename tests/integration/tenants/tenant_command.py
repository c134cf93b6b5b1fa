"""The command against the running product, as one tenant runs it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from product import Product


class Command:
    """The command as one tenant runs it in a folder."""

    def __init__(self, product: Product, key: str, folder: Path) -> None:
        self._target, self._environment, self._folder = product.target, {**os.environ, "EPITAXY_API_KEY": key}, folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "epitaxy.cli", *arguments, "--target", self._target]
        settings: dict[str, Any] = {"cwd": self._folder, "env": self._environment, "timeout": 220}
        return subprocess.run(command, check=False, capture_output=True, text=True, **settings)

    def succeed(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done
