"""A stack in a process of its own, and everything that is alive because of it."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from product import eventually

HERE = Path(__file__).parent
_PROGRAM = """
import sys
from pathlib import Path
from epitaxy.stack.command import serve_command
port, home, application = sys.argv[1:]
sys.exit(serve_command(port=int(port), home=Path(home), application=application))
"""


class StackProcess:
    def __init__(
        self, home: Path, *, port: int = 0, application: str = "build", environment: dict[str, str] | None = None
    ) -> None:
        self.home = home
        # Every process inherits it, whoever its parent or session is.
        self._mark = f"EPITAXY_TEST_MARK={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        self._stderr = home.with_suffix(f".{value[:6]}.stderr")
        self._stdout = home.with_suffix(f".{value[:6]}.stdout")
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(port), str(home), f"small_application:{application}"],
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, "PYTHONPATH": str(HERE), name: value, **(environment or {})},
            )

    @property
    def stdout(self) -> str:
        return self._stdout.read_text()

    @property
    def stderr(self) -> str:
        return self._stderr.read_text()

    def await_ready(self) -> str:
        """HOST:PORT of the line that says so."""
        assert eventually(lambda: self.stdout.endswith("\n") or self.process.poll() is not None, seconds=120)
        assert self.stdout.startswith("ready "), self.stderr
        return self.stdout.split()[1]

    def alive(self) -> set[int]:
        """Processes that this stack has started, however far down, and itself."""
        return {pid for pid in _processes() if self._is_marked(pid)}

    def interrupt(self, number: int = signal.SIGINT) -> tuple[int, float]:
        """Exit code and seconds from the signal to the end."""
        started = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(30), time.monotonic() - started

    def destroy(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        for pid in self.alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def _is_marked(self, pid: int) -> bool:
        process = Path(f"/proc/{pid}")
        # A zombie's environment is empty, another user's unreadable. Redis writes its title over its own.
        with suppress(OSError):
            if b"redis-server" in (process / "cmdline").read_bytes():
                return str(self.home).encode() in (process / "cmdline").read_bytes()
            return self._mark.encode() in (process / "environ").read_bytes().split(b"\0")
        return False


def addresses_listened_on(pids: set[int]) -> set[str]:
    """Hexadecimal local addresses, as the kernel writes them, of the listening TCP sockets of these processes."""
    inodes = {inode for pid in pids for inode in _socket_inodes(pid)}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1].partition(":")[0])
    return found


def _socket_inodes(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1]


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
