"""The bench of memory: what counts as growth, and pools that are read as blocks."""

from dataclasses import replace
from pathlib import Path

from epitaxy.client.inputs.blocks import CellBlock
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.reading_log import ReadingLog
from loadtest.bench.memory import Peak, faults_of, write_pool

SMALL = Peak(100_000, 280.0, 20.0, 40.0, 190.0)


def test_memory_that_grows_or_reaches_a_gibibyte_is_a_fault() -> None:
    assert faults_of([SMALL, replace(SMALL, rows=1_000_000, peak_mib=300.0)]) == []
    grown = faults_of([SMALL, replace(SMALL, rows=1_000_000, peak_mib=420.0)])
    assert grown == ["1.50 times the memory at 1,000,000 rows as at 100,000"]
    large = faults_of([replace(SMALL, peak_mib=1030.0)])
    assert large == ["1030 MiB at 100,000 rows"]


def test_a_pool_has_so_many_rows_with_ids_of_their_own_and_is_read_in_blocks(tmp_path: Path) -> None:
    write_pool(tmp_path / "pool.parquet", 5000)
    blocks = list(Inventory.of([tmp_path / "pool.parquet"]).read_blocks(ReadingLog()))
    assert all(isinstance(block, CellBlock) for block in blocks)
    ids = [name for block in blocks if isinstance(block, CellBlock) for name in block.ids]
    assert (len(ids), len(set(ids)), ids[-1]) == (5000, 5000, "row-4999")
