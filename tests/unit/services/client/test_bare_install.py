"""What an installation without extras says of what it lacks."""

import subprocess
import sys

import pytest

HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def run(code: str, *missing: str) -> "subprocess.CompletedProcess[str]":
    whole = HIDE.format(missing=set(missing)) + code
    return subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_the_command_names_the_extra_that_holds_it(missing: str) -> None:
    done = run("from epitaxy.cli.main import main; sys.argv = ['epitaxy', '--help']; main()", missing)
    assert done.returncode == 1
    assert done.stderr == f"epitaxy: the command needs {missing}: pip install 'epitaxy[client]'\n"


def test_a_fault_of_ours_is_not_taken_for_a_missing_extra() -> None:
    done = run("from epitaxy.cli.main import main; sys.argv = ['epitaxy', '--help']; main()", "epitaxy.cli.screen")
    assert "pip install" not in done.stderr


def test_tables_name_the_extra_that_holds_pandas() -> None:
    done = run("from epitaxy.client.screening.rows import to_frame; to_frame([])", "pandas")
    assert "ImportError: tables need pandas: pip install 'epitaxy[client]'" in done.stderr


def test_parquet_names_the_extra_that_holds_pyarrow() -> None:
    done = run("from epitaxy.client.inputs.rows import open_parquet; open_parquet(None)", "pyarrow")
    assert "Parquet needs pyarrow: pip install 'epitaxy[client]'" in done.stderr
