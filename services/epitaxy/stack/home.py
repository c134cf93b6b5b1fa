"""The folder that holds all state of one local stack."""

import fcntl
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, TextIO

from epitaxy.stack.errors import StackError

# AF_UNIX paths end at 107 bytes; Ray's longest below its folder is /session_<pid>/sockets/plasma_store.
_LONGEST_RUN_FOLDER = 107 - len("/ray/session_4194304/sockets/plasma_store.1")
# Ray encodes its paths as ASCII, passes them on command lines and in URLs.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")


def default_home() -> Path:
    """``~/.epitaxy``: one stack a user, wherever it is started from."""
    return Path.home() / ".epitaxy"


@dataclass(slots=True)
class StackHome:
    """The home of a running stack, held by a lock; a context manager.

    Attributes:
        folder: Everything below it belongs to the stack.
        run: Short-lived files and sockets, emptied at every start. Below ``folder``, or a short temporary folder
            if that path would be too long for a socket or holds more than plain ASCII.
    """

    folder: Path
    run: Path = field(init=False)
    _lock: TextIO | None = field(default=None, init=False)

    @property
    def logs(self) -> Path:
        """One file a child."""
        return self.folder / "logs"

    @property
    def endpoints_file(self) -> Path:
        """Addresses and process ids of the running stack, as JSON."""
        return self.folder / "endpoints.json"

    def __enter__(self) -> "StackHome":
        """Makes the folders and takes the lock. Raises StackError if another stack holds it."""
        self.folder = self.folder.expanduser().resolve()
        self._make(self.folder)
        self._take_lock()
        self._make(self.logs)
        self._set_logs_aside()
        self.run = self._fresh_run_folder()
        self.endpoints_file.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go. Logs of Ray stay below ``run`` for a look at them; a temporary folder is removed."""
        self.endpoints_file.unlink(missing_ok=True)
        if self.run != self.folder / "run":
            shutil.rmtree(self.run, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    def write_endpoints(self, endpoints: dict[str, Any]) -> None:
        """Replaces the endpoints file at once, so that a reader never sees half of it. Raises OSError."""
        draft = self.endpoints_file.with_suffix(".draft")
        try:
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(endpoints, indent=2) + "\n")
            draft.replace(self.endpoints_file)
        finally:
            draft.unlink(missing_ok=True)

    def _take_lock(self) -> None:
        lock = (self.folder / "lock").open("a+")
        try:
            # The kernel drops it with the process, so a crash leaves nothing stale.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise StackError(
                f"a stack with home {self.folder} is running already (pid {owner}): stop it, or choose another --home"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def _set_logs_aside(self) -> None:
        """One earlier run is kept, as ``<child>.log.1``."""
        for log in self.logs.glob("*.log"):
            log.replace(log.with_suffix(".log.1"))

    def _fresh_run_folder(self) -> Path:
        run = self.folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        if len(os.fsencode(run)) > _LONGEST_RUN_FOLDER or not _PLAIN_PATH.fullmatch(str(run)):
            return self._fresh_temporary_folder()
        self._make(run)
        return run

    def _fresh_temporary_folder(self) -> Path:
        """A folder named after the home, whose lock is held: what a killed run left there is removed first."""
        name = blake2b(os.fsencode(self.folder), digest_size=6).hexdigest()
        run = Path(tempfile.gettempdir(), f"epitaxy-{os.getuid()}-{name}")
        shutil.rmtree(run, ignore_errors=True)
        try:
            run.mkdir(mode=0o700)
        except FileExistsError:  # another user's, made to be in the way
            return Path(tempfile.mkdtemp(prefix="epitaxy-"))
        return run

    @staticmethod
    def _make(folder: Path) -> None:
        try:
            # It holds sockets and Ray's token: for this user only.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(f"cannot make {folder}: {error.strerror}; choose another --home") from error
