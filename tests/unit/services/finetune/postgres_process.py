"""A private Postgres on a socket, where its programs are installed."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path


class PostgresProcess:
    """Runs as another user where this one is root, whom Postgres refuses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = "postgres" if os.getuid() == 0 else None
        self._own(folder)
        self._run("initdb", "-D", str(folder / "data"), "-U", "epitaxy", "--auth=trust", "--no-sync")
        options = ["-D", str(folder / "data"), "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"]
        program = self._program("postgres")
        self.process = subprocess.Popen(
            [program, *options], user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._await()

    @staticmethod
    def is_installed() -> bool:
        programs = shutil.which("initdb") is not None and shutil.which("postgres") is not None
        return programs and (os.getuid() != 0 or any(entry.pw_name == "postgres" for entry in pwd.getpwall()))

    def new_database(self, name: str) -> str:
        """URL of an empty database."""
        self._run("createdb", "-h", str(self._folder), "-U", "epitaxy", name)
        return f"postgresql+psycopg://epitaxy@/{name}?host={self._folder}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def _own(self, folder: Path) -> None:
        if self._user is None:
            return
        shutil.chown(folder, self._user)
        # A folder of pytest's is closed to other users.
        for parent in folder.parents[:3]:
            if parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)

    def _await(self) -> None:
        limit = time.monotonic() + 60
        while not (self._folder / ".s.PGSQL.5432").exists() or not self._is_ready():
            assert time.monotonic() < limit
            assert self.process.poll() is None
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        command = [self._program("psql"), "-h", str(self._folder), "-U", "epitaxy", "-c", "select 1", "postgres"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([self._program(program), *arguments], check=True, capture_output=True, user=self._user)

    @staticmethod
    def _program(name: str) -> str:
        found = shutil.which(name)
        if found is not None:
            return found
        # Debian links only some of them.
        return str(Path(str(shutil.which("initdb"))).resolve().parent / name)
