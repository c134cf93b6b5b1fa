"""Logs of a running stack stay within bounds, whoever writes them."""

import os
import subprocess
import sys
import time
from pathlib import Path

from product import eventually
from small_disk import SmallDisk

from epitaxy.stack.child import Child, Command
from epitaxy.stack.logs import LogKeeper
from epitaxy.stack.reaper import Reaper

# It rests before its last line: what is written just while a log is set aside is lost.
CHATTER = """import time
for n in range(40_000):
    if n == 39_999:
        time.sleep(0.5)
    print('line', n, 'x' * 100, flush=True)"""


def test_a_child_writes_on_while_its_log_is_set_aside(tmp_path: Path) -> None:
    keeper = LogKeeper(tmp_path, tmp_path / "ray", lambda: None, log_bytes=200_000)
    log = tmp_path / "part.log"
    reaper = Reaper()
    try:
        child = Child(Command("part", [sys.executable, "-c", CHATTER], log), reaper)
        while child.exit_code is None:
            keeper.keep()
            time.sleep(0.01)
    finally:
        reaper.close()
    keeper.keep()
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert total < 4_000_000, "of 4.7 MB, at most what was written between two looks is more than the bound"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.log", "part.log.1"]
    words = ((tmp_path / "part.log.1").read_text() + log.read_text()).splitlines()
    assert words[-1].startswith("line 39999 ")


def test_a_log_makes_room_on_a_full_disk(small_disk: SmallDisk) -> None:
    log = small_disk.folder / "part.log"
    log.write_bytes(b"x" * 2_000_000)
    small_disk.fill()
    LogKeeper(small_disk.folder, small_disk.folder / "ray", lambda: None, log_bytes=1_000_000).keep()
    assert log.stat().st_size == 0
    assert small_disk.n_free >= 1_900_000
    assert not (small_disk.folder / "part.log.draft").exists()


def test_logs_of_dead_processes_of_ray_go_first_come_first_and_those_of_live_ones_stay(tmp_path: Path) -> None:
    folder = tmp_path / "ray" / "session_1" / "logs" / "serve"
    folder.mkdir(parents=True)
    for number, name in enumerate(("live", "oldest", "older", "new")):
        (folder / name).write_bytes(b"x" * 100_000)
        os.utime(folder / name, (1000 + number, 1000 + number))
    program = f"import time; held = open({str(folder / 'live')!r}, 'a'); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        keeper = LogKeeper(tmp_path / "logs", tmp_path / "ray", lambda: process.pid, ray_bytes=250_000)
        keeper.keep()
        process.kill()
    assert eventually(lambda: {path.name for path in folder.iterdir()} == {"live", "new"}, 1)
