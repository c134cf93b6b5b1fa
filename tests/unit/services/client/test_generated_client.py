"""The blocking client is what the generator makes of the one for asyncio."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import generate_client

ROOT = Path(__file__).parents[4]


def test_the_committed_files_are_what_is_generated() -> None:
    command = [sys.executable, "tools/generate_client.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project of one module for asyncio and its twin."""
    client = tmp_path / generate_client.CLIENT
    (client / "room").mkdir(parents=True)
    text = "class AsyncThing:\n    async def ask(self) -> int:\n        return await f()\n"
    (client / "room" / "async_thing.py").write_text(text)
    monkeypatch.setattr(generate_client, "ROOT", tmp_path)
    monkeypatch.setattr(generate_client, "PHRASES", {})
    generate_client.generate(client)
    return client / "room"


def test_a_twin_says_where_it_comes_from_and_blocks(copy: Path) -> None:
    text = (copy / "thing.py").read_text()
    assert text.startswith("# Generated from async_thing.py by tools/generate_client.py: do not edit")
    assert "class Thing:" in text
    assert "    def ask(self) -> int:\n        return f()" in text
    generate_client.check()


def test_a_changed_twin_is_found(copy: Path) -> None:
    (copy / "thing.py").write_text((copy / "thing.py").read_text() + "\nX = 1\n")
    with pytest.raises(SystemExit, match=r"room/thing\.py"):
        generate_client.check()


def test_a_missing_twin_and_one_without_a_source_are_found(copy: Path) -> None:
    (copy / "async_thing.py").rename(copy / "async_other.py")
    with pytest.raises(SystemExit, match=r"room/other\.py, room/thing\.py"):
        generate_client.check()


def test_a_sentence_to_replace_that_is_gone_fails(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate_client, "PHRASES", {"room/async_thing.py": {"a sentence of before": ""}})
    with pytest.raises(SystemExit, match="a sentence of before"):
        generate_client.check()
