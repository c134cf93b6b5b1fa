import subprocess
import sys

HEAVY = ("torch", "ray", "pymatgen", "numpy", "pandas", "redis", "epitaxy_models")


def test_the_gateway_loads_none_of_the_science():
    script = f"import sys, epitaxy.gateway.server; print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"
