"""BoTorch's fused kernel would be compiled in the user's home by the first request that needs it."""

import os
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import numpy as np
from campaign_worlds import make_world
from epitaxy_models.campaigns import Knowledge, Objective, Planner
world = make_world(60)
done = np.arange(12)
known = Knowledge(done, {"y": world.values[done], "z": world.pool.blocks["embedding"][done, 1]})
planner = Planner(world.pool, [Objective.parse("y:max", "eV"), Objective.parse("z:max", "eV")])
assert len(planner.recommend(known, 2)) == 2
"""


def test_a_choice_between_several_objectives_starts_no_compiler(tmp_path: Path) -> None:
    marker = tmp_path / "called"
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("c++", "g++", "ninja", "clang++"):
        (tools / name).write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
        (tools / name).chmod(0o755)
    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / ".cache"),
        "TORCH_EXTENSIONS_DIR": str(tmp_path / "extensions"),
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run([sys.executable, "-c", _SCRIPT], check=True, env=environment, cwd=tmp_path, timeout=200)
    assert not marker.exists()
    assert not (tmp_path / "extensions").exists()
    assert not list(tmp_path.glob(".cache/torch_extensions/**/*"))
