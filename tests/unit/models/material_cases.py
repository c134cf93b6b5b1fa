"""Materials of the shared data sets, for tests of every kind of material."""

from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest

_DATA = Path(__file__).parents[4] / "shared" / "data"


@cache
def column(data_set: str, name: str, n_rows: int) -> tuple[str, ...]:
    """``n_rows`` distinct values of a column, spread evenly over the set."""
    if not _DATA.exists():
        pytest.skip("the shared data sets are absent", allow_module_level=True)
    values = list(dict.fromkeys(pq.read_table(_DATA / f"{data_set}.parquet", columns=[name])[name].to_pylist()))
    return tuple(values[:: max(1, len(values) // n_rows)][:n_rows])
