"""The release whose containers run as pods would have them, without a cluster."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "chart"):
    sys.path.insert(0, str(folder))

pytest.importorskip("helm_python", reason="the package helm-python-sdk is not installed")

# ruff: noqa: E402  # the folder above comes first
from installation import Installation
from sandbox import why_not


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """Nothing of it runs yet."""
    if reason := why_not():
        pytest.skip(f"no pods here: {reason}")
    # Other users have to come in, and a folder of pytest's is closed to them.
    with tempfile.TemporaryDirectory(prefix="pods-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        made = Installation.prepare(Path(folder))
        try:
            yield made
        finally:
            made.sandbox.stop()
