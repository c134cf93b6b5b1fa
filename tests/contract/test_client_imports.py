import subprocess
import sys

import pytest

HEAVY = ("torch", "ray", "pymatgen", "pandas", "pyarrow", "redis", "ase", "rich", "typer", "epitaxy_models", "numba")


@pytest.mark.parametrize("module", ["epitaxy.client", "epitaxy.client.inputs.source"])
def test_the_client_loads_none_of_the_heavy_packages(module: str) -> None:
    script = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""


def test_the_command_line_loads_neither_torch_nor_ray_before_it_must() -> None:
    script = "import sys, epitaxy.cli.app; print(*sorted(set(sys.modules) & {'torch', 'ray', 'pymatgen', 'pandas'}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""
