"""Small tables that would take gigabytes, or never end, are refused or cost what they hold."""

import gzip
import io
import tracemalloc
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epitaxy.campaigns.domain.spec import PoolFile
from epitaxy.campaigns.pool.file_rows import read_candidates
from epitaxy.chassis.errors import InvalidRequestError, QuotaExceededError
from epitaxy.finetune.domain.label_table import LabelFile
from epitaxy.finetune.labels.readers import read_table
from epitaxy.tables.csv_rows import MAX_COLUMNS, CsvError, open_csv

MIB = 1 << 20


def labels(suffix: str, max_rows: int = 50_000) -> Callable[[bytes], object]:
    return lambda content: read_table(content, LabelFile(f"file:///l{suffix}"), ["y"], max_rows)


def pool(suffix: str) -> Callable[[bytes], object]:
    return lambda content: sum(
        len(piece) for piece in read_candidates(io.BytesIO(content), PoolFile(f"file:///p{suffix}"))
    )


def peak_mib(
    read: Callable[[bytes], object], content: bytes, refusal: type[Exception] | None, match: str = ""
) -> float:
    tracemalloc.start()
    try:
        if refusal is None:
            read(content)
        else:
            with pytest.raises(refusal, match=match):
                read(content)
        return tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


def wide_csv(n_columns: int, n_rows: int) -> bytes:
    names = ",".join(["structure", "y", *(f"c{number}" for number in range(n_columns - 2))])
    return f"{names}\n{'{},1' * 0}".encode() + b"{},1\n" * n_rows


@pytest.mark.parametrize("read", [labels(".csv"), pool(".csv")])
def test_a_table_of_200_000_columns_is_refused_before_its_rows_are_read(read: Callable[[bytes], object]) -> None:
    content = wide_csv(200_000, 3000)
    assert len(content) < 1.6 * MIB
    assert peak_mib(read, content, InvalidRequestError, r"header has \d+ characters|200000 columns") < 64


def test_short_rows_of_a_wide_table_cost_what_they_hold() -> None:
    content = wide_csv(MAX_COLUMNS, 20_000)
    assert peak_mib(labels(".csv"), content, None) < 64
    assert peak_mib(pool(".csv"), content, None) < 64


def test_a_client_is_told_to_leave_out_columns() -> None:
    with pytest.raises(CsvError, match=r"20000 columns; at most 16384 are allowed"):
        open_csv([",".join(f"c{number}" for number in range(20_000))])


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", b"structure,y\n" + b"{},1\n" * 200_000),
        (".jsonl", b'{"structure": {}, "y": 1}\n' * 200_000),
    ],
)
def test_rows_beyond_the_quota_are_counted_and_not_kept(suffix: str, content: bytes) -> None:
    read = labels(f"{suffix}.gz", max_rows=100)
    packed = gzip.compress(content)
    match = "the labels have 200000 rows and the quota is 100"
    assert peak_mib(read, packed, QuotaExceededError, match) < 32 + 5 * len(content) / MIB


def test_a_dictionary_in_a_parquet_file_does_not_unpack_beyond_the_limit() -> None:
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2000, np.int32)), pa.array(["x" * MIB]))
    sink = io.BytesIO()
    pq.write_table(pa.table({"structure": text, "y": np.ones(2000)}), sink)
    assert len(sink.getvalue()) < 2 * MIB
    assert peak_mib(labels(".parquet"), sink.getvalue(), InvalidRequestError, "unpacks to more than 512 MiB") < 1200


@pytest.mark.parametrize("read", [labels(".parquet"), pool(".parquet")])
def test_a_parquet_file_of_too_many_columns_is_refused(read: Callable[[bytes], object]) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({f"c{number}": [1] for number in range(MAX_COLUMNS + 1)}), sink)
    assert peak_mib(read, sink.getvalue(), InvalidRequestError, "16385 columns; at most 16384") < 64


def test_a_line_without_an_end_is_refused() -> None:
    content = gzip.compress(b'{"structure": "' + b"x" * (65 * MIB))
    assert peak_mib(pool(".jsonl.gz"), content, InvalidRequestError, "line 1 is longer than") < 400
