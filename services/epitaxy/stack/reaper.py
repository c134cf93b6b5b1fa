"""Kills what a supervisor leaves behind when it is killed itself.

The kernel's own means (PR_SET_PDEATHSIG) reaches children only; below Ray's raylet an agent was seen to live on for
half a minute. So a small process, ``python -m epitaxy.stack.reaper``, holds the list of sessions and the end of a pipe:
when the pipe closes before the sessions were released, the supervisor is dead and they go too.
"""

import subprocess
import sys
from contextlib import suppress

from epitaxy.stack.sessions import kill_session


class Reaper:
    """The supervisor's side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "epitaxy.stack.reaper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, session: int) -> None:
        """From now on this session dies with the supervisor."""
        self._tell(f"+{session}")

    def release(self, session: int) -> None:
        """It has ended: its number may soon be another's."""
        self._tell(f"-{session}")

    def close(self) -> None:
        """Lets the process end, which it does once everything is released."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()


def main() -> None:
    """Reads ``+SESSION`` and ``-SESSION`` until the pipe closes, then kills what is still on the list."""
    watched: set[int] = set()
    for line in sys.stdin:
        change = watched.add if line.startswith("+") else watched.discard
        change(int(line[1:]))
    for session in watched:
        kill_session(session)


if __name__ == "__main__":
    main()
