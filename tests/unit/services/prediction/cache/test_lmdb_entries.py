"""The cache file: shared between processes, bounded, and never an error."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from epitaxy.prediction.cache.lmdb_entries import LmdbEntries
from epitaxy.prediction.cache.shared_entries import name

PREFIX = b"epitaxy:test:"
KEYS = [bytes([n]) * 16 for n in range(3)]


async def test_entries_are_read_by_the_keys_that_are_known(tmp_path: Path) -> None:
    entries = LmdbEntries(tmp_path / "cache", 2**20)
    await entries.write([(name(PREFIX, key), key * 2) for key in KEYS[:2]])
    assert await entries.read(PREFIX, KEYS) == {key: key * 2 for key in KEYS[:2]}
    assert await entries.read(b"epitaxy:other:", KEYS) == {}


async def test_another_process_reads_what_this_one_wrote(tmp_path: Path) -> None:
    entries = LmdbEntries(tmp_path, 2**20)
    await entries.write([(name(PREFIX, KEYS[0]), b"shared")])
    code = (
        "import asyncio, sys; from pathlib import Path; from epitaxy.prediction.cache.lmdb_entries import LmdbEntries;"
        "e = LmdbEntries(Path(sys.argv[1]), 2**20);"
        f"found = asyncio.run(e.read({PREFIX!r}, [{KEYS[0]!r}])); print(found[{KEYS[0]!r}].decode())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert done.stdout == "shared\n"


async def test_a_full_file_is_emptied_and_goes_on(tmp_path: Path) -> None:
    states: list[bool] = []
    entries = LmdbEntries(tmp_path, 2**20, states.append)
    keys = [bytes([number]) * 16 for number in range(60)]
    held = []
    for key in keys:
        await entries.write([(name(PREFIX, key), os.urandom(60_000))])
        held.append(len(await entries.read(PREFIX, keys)))
    assert max(held) >= 8
    assert 0 in held, "it was emptied"
    assert held[held.index(0) + 3 :].count(max(held)) >= 2, "it was filled again, more than once"
    assert all(states)


async def test_what_does_not_fit_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    states: list[bool] = []
    entries = LmdbEntries(tmp_path, 2**20, states.append)
    await entries.write([(name(PREFIX, KEYS[0]), bytes(2**21))])
    assert states == [False]
    assert "going on without it" in caplog.text


def test_a_folder_that_cannot_be_used_is_told_to_the_caller(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((OSError, lmdb.Error), match="file"):
        LmdbEntries(tmp_path / "file", 2**20)
