"""What a round of a campaign costs: processor seconds and memory, over a small pool and over a million."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from epitaxy_models.campaigns import Knowledge, Objective, Planner, PoolBlocks, PoolWriter

# Widths of the shipped substrate's blocks.
WIDTHS = {"descriptors": 308, "embedding": 2400, "substrate_predictions": 9, "textbook_estimates": 2}
_ROWS_A_PIECE, _N_LABELS, _BATCH = 8192, 100, 5


def synthetic_pool(folder: Path, n: int) -> PoolBlocks:
    """Random features as wide as real ones, in files; rows are random products of a few thousand random rows."""
    generator = np.random.default_rng(0)
    bases = {name: generator.normal(size=(_ROWS_A_PIECE, width)).astype(np.float32) for name, width in WIDTHS.items()}
    writer = PoolWriter(folder, n)
    for start in range(0, n, _ROWS_A_PIECE):
        rows = min(_ROWS_A_PIECE, n - start)
        size = generator.uniform(0.5, 1.5, size=(rows, 1)).astype(np.float32)
        shift = generator.normal(size=(rows, 1)).astype(np.float32)
        order = generator.permutation(_ROWS_A_PIECE)[:rows]
        writer.put(start, {name: base[order] * size + shift for name, base in bases.items()})
    return writer.finish()


def seconds_a_round(pool: PoolBlocks, n_rounds: int) -> list[float]:
    """Processor seconds of each round after the first model, with 100 labels and more; five a batch."""
    truth = _truth(pool)
    objective = Objective.parse("y:max", "eV")
    planner = Planner(pool, [objective])
    done = np.random.default_rng(1).permutation(pool.n_candidates)[:_N_LABELS]
    found = []
    for _ in range(n_rounds):
        start = time.process_time()
        chosen = planner.recommend(Knowledge(done, {"y": truth[done]}), _BATCH)
        found.append(time.process_time() - start)
        done = np.concatenate([done, [choice.candidate for choice in chosen]]).astype(np.int64)
    return found


def million(work: Path, n: int) -> Mapping[str, float]:
    """One round over synthetic features in files, in a process of its own: its peak of memory is the round's."""
    command = [sys.executable, "-m", "loadtest.campaign_rounds", str(work), str(n)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: Mapping[str, float] = json.loads(answer.splitlines()[-1])
    return found


def main() -> None:
    work, n = Path(sys.argv[1]), int(sys.argv[2])
    folder = work / "synthetic"
    with threadpool_limits(limits=1):
        try:
            pool = synthetic_pool(folder, n)
            [seconds] = seconds_a_round(pool, 1)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"candidates": n, "processor_seconds": seconds, "peak_gib": peak}))


def _truth(pool: PoolBlocks) -> NDArray[np.float64]:
    """A smooth function of a few features, known of every row."""
    columns = [pool.blocks["textbook_estimates"][start : start + 65536] for start in range(0, pool.n_candidates, 65536)]
    features = np.concatenate(columns)
    return np.asarray(features[:, 0] + np.sin(features[:, 1]), dtype=np.float64)


if __name__ == "__main__":
    main()
