"""The command against the running product, as one tenant runs it."""

import os
import subprocess
from pathlib import Path

from forked_command import run_forked
from product import Product

# A job on a busy machine, with the wait for its end.
_SECONDS = 300.0


class Command:
    """The command as one tenant runs it in a folder."""

    def __init__(self, product: Product, key: str, folder: Path) -> None:
        self._target, self._environment, self._folder = product.target, {**os.environ, "EPITAXY_API_KEY": key}, folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_forked([*arguments, "--target", self._target], self._folder, self._environment, _SECONDS)

    def succeed(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done
