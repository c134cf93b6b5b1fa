"""Throughput and latency of a running server: ``python -m loadtest.served --target HOST:PORT [--parquet FILE]``.

Cold runs bypass the cache; the warm run follows the last of them. Rates are structures a second of wall time as a
client sees them, medians of the repeats; a shared machine makes them drift, so compare ratios of one run.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from epitaxy.client import Client
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import structure_to_column

_REPEATS = 3
_CALLS = 200


def sample(parquet: Path | None, size: int, folder: Path) -> Path:
    """A Parquet of at most ``size`` structures."""
    if parquet is None:
        crystals = bundled_crystals()
        table = pd.DataFrame(
            {
                "id": [crystal.identifier for crystal in crystals],
                "structure": [structure_to_column(crystal.structure) for crystal in crystals],
            }
        )
    else:
        table = pd.read_parquet(parquet, columns=["id", "structure"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sample.parquet"
    table.sample(min(size, len(table)), random_state=0).to_parquet(path)
    return path


def rate(client: Client, path: Path, *, bypass_cache: bool) -> float:
    """Structures a second of one screening."""
    start, count = time.perf_counter(), 0
    with client.screen(path, bypass_cache=bypass_cache) as run:
        for result in run:
            count += result.error is None
    return count / (time.perf_counter() - start)


def latencies(client: Client, path: Path) -> list[float]:
    """Milliseconds of single warm Predict calls."""
    row = json.loads(pd.read_parquet(path)["structure"].iloc[0])
    times = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        client.predict([row])
        times.append((time.perf_counter() - start) * 1e3)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="127.0.0.1:50051")
    parser.add_argument("--parquet", type=Path)
    parser.add_argument("--size", type=int, default=2000)
    options = parser.parse_args()
    path = sample(options.parquet, options.size, Path("scratch"))
    with Client(options.target) as client:
        cold = [rate(client, path, bypass_cache=True) for _ in range(_REPEATS)]
        rate(client, path, bypass_cache=False)
        warm = [rate(client, path, bypass_cache=False) for _ in range(_REPEATS)]
        times = latencies(client, path)
    report = {
        "structures": len(pd.read_parquet(path)),
        "cold_structures_per_second": round(median(cold)),
        "warm_structures_per_second": round(median(warm)),
        "warm_over_cold": round(median(warm) / median(cold), 1),
        "predict_warm_milliseconds_p50": round(float(np.percentile(times, 50)), 1),
        "predict_warm_milliseconds_p99": round(float(np.percentile(times, 99)), 1),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
