"""Keeps the logs of a running stack within bounds.

Children append to their logs, so a log that has grown is copied and emptied in place: the child notices nothing. Ray
rotates the files of processes that live; what dead ones left is removed here, the oldest first.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from epitaxy.stack.sessions import session_members

LOG_BYTES = 16 << 20
"""A child's log is set aside, as ``<child>.log.1``, when it is longer."""
RAY_BYTES = 256 << 20
"""Logs of Ray above which files of dead processes are removed."""
_LOOK_SECONDS = 10.0


class LogKeeper:
    """Looks at all logs now and then; a full disk neither stops it nor makes it raise.

    Args:
        logs: Folder of the children's logs.
        ray_folder: Folder of Ray's sessions.
        session: Session of the processes that write there; None while there is none.
    """

    def __init__(
        self,
        logs: Path,
        ray_folder: Path,
        session: Callable[[], int | None],
        log_bytes: int = LOG_BYTES,
        ray_bytes: int = RAY_BYTES,
    ) -> None:
        self._logs, self._ray_folder, self._session = logs, ray_folder, session
        self._log_bytes, self._ray_bytes = log_bytes, ray_bytes
        self._due = 0.0

    def look(self) -> None:
        """Called several times a second; does something every ten seconds."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _LOOK_SECONDS
            self.keep()

    def keep(self) -> None:
        """Sets long logs aside and removes what is too much of Ray's."""
        for log in self._logs.glob("*.log"):
            with suppress(OSError):
                if log.stat().st_size > self._log_bytes:
                    set_aside(log, self._log_bytes)
        self._prune_ray()

    def _prune_ray(self) -> None:
        files = [(path, *found) for path in self._ray_folder.glob("session_*/logs/**/*") if (found := _sized(path))]
        excess = sum(size for _, size, _ in files) - self._ray_bytes
        if excess <= 0:
            return
        session = self._session()
        held = _open_files(session_members(session)) if session is not None else frozenset()
        for path, size, _ in sorted(files, key=lambda file: file[2]):
            if excess <= 0:
                return
            if os.path.realpath(path) not in held:
                with suppress(OSError):
                    path.unlink()
                    excess -= size


def set_aside(log: Path, n_bytes: int) -> None:
    """Moves the last bytes of a log that a process appends to into ``<name>.1``, and empties the log.

    What is written between the two steps is lost. Without room for the copy there is none, and the log makes room.
    """
    draft = log.with_suffix(".log.draft")
    try:
        with log.open("rb") as source, draft.open("wb") as target:
            source.seek(max(0, log.stat().st_size - n_bytes))
            shutil.copyfileobj(source, target)
        draft.replace(log.with_suffix(".log.1"))
    except OSError:
        draft.unlink(missing_ok=True)
    os.truncate(log, 0)


def _sized(path: Path) -> tuple[int, float] | None:
    """Size and time of the last change of a file; None for anything else."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        state = path.stat()
    except OSError:  # just removed
        return None
    return state.st_size, state.st_mtime


def _open_files(pids: Iterable[int]) -> frozenset[str]:
    found = set()
    for pid in pids:
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    found.add(str(descriptor.readlink()))
    return frozenset(found)
