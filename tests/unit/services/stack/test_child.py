"""What a dead child's reason is."""

import json
import sys
from pathlib import Path

import pytest

from epitaxy.stack.child import Child, Command
from epitaxy.stack.keeper import obituary
from epitaxy.stack.reaper import Reaper

LOGGED = json.dumps({"level": "ERROR", "message": "cannot listen", "exception": "Traceback\nOSError: port taken"})


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; print('starting'); sys.stderr.write('bye\\n'); sys.exit(3)", "ended with exit code 3: bye"),
        (
            "import atexit; atexit.register(print, 'cleaning up', flush=True); raise ValueError('port 1 is taken')",
            "ended with exit code 1: ValueError: port 1 is taken",
        ),
        (
            f"print({LOGGED!r}); print('stopped'); raise SystemExit(1)",
            "1: cannot listen: OSError: port taken",
        ),
        (
            "import os; print('KeyError: old', flush=True); print('serving', flush=True); os.kill(os.getpid(), 9)",
            "was killed by signal 9: serving",
        ),
    ],
)
def test_the_reason_is_the_error_and_not_the_last_line(tmp_path: Path, code: str, reason: str) -> None:
    reaper = Reaper()
    try:
        child = Child(Command("part", [sys.executable, "-c", code], tmp_path / "part.log"), reaper)
        child.process.wait(20)
        assert reason in obituary(child)
    finally:
        reaper.close()
