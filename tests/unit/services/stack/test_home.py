"""Where a stack keeps its short-lived files, and what is left of them."""

import tempfile
from pathlib import Path

import pytest

from epitaxy.stack.home import StackHome


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def short():
    """A folder whose path is short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="e") as folder:
        yield folder


def test_a_plain_home_holds_its_run_folder(short, temporary):
    with StackHome(Path(short, "home")) as home:
        assert home.run == home.folder / "run"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["my home", "h\xf6me", "50%25", "deep" * 30])
def test_a_home_that_ray_cannot_take_runs_in_a_temporary_folder(short, temporary, name):
    with StackHome(Path(short, name)) as home:
        assert home.run.parent == temporary
        assert home.run.stat().st_mode & 0o777 == 0o700
        assert home.logs == home.folder / "logs"
    assert not home.run.exists()


def test_a_temporary_folder_that_a_killed_run_left_is_emptied_by_the_next(short, temporary):
    home = StackHome(Path(short, "my home"))
    with home:
        run = home.run
    run.mkdir()
    (run / "ray-token").write_text("old")
    with home:
        assert (home.run, list(home.run.iterdir())) == (run, [])
    assert list(temporary.iterdir()) == []


def test_two_homes_never_share_a_temporary_folder(short, temporary):
    with StackHome(Path(short, "a b")) as one, StackHome(Path(short, "a c")) as other:
        assert one.run != other.run


def test_a_temporary_folder_that_cannot_be_removed_is_left_alone(short, temporary):
    home = StackHome(Path(short, "my home"))
    with home:
        expected = home.run
    (temporary / "elsewhere").mkdir()
    expected.symlink_to(temporary / "elsewhere")
    with home:
        assert home.run not in {expected, temporary / "elsewhere"}
    assert (temporary / "elsewhere").exists()
