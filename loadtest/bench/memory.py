"""Memory and processor time of `epitaxy screen` as its inputs grow: ``python -m loadtest.bench.memory``.

A server in this process replays real answers as columns, so that the command itself is what takes time. It runs in a
process of its own for each size, from a Parquet of crystals to a folder of parts; the peak of its memory is what the
kernel says. Exit code 1 if memory grows with the inputs or reaches 1 GiB. Linux only.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import grpc
import pyarrow as pa
import pyarrow.parquet as pq

from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.structure_ids import count_structures
from epitaxy.prediction.domain import BlockAnswer, Item, Query
from epitaxy.prediction.messages import BlockEncoder
from epitaxy_models.data.crystals import bundled_structures
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.review import DEFAULT_POLICY
from loadtest.in_process import InProcess
from loadtest.machine import machine_record

SIZES = (100_000, 1_000_000)
MOST_MIB = 1024.0
# Of the peak at ten times the rows over the peak before: the ids of repeated rows take 8 bytes each.
MOST_GROWTH = 1.15
_GROUP = 4096
_MOST_A_MESSAGE = 512


@dataclass(frozen=True, slots=True)
class Peak:
    """One screening.

    Attributes:
        rows: Inputs.
        peak_mib: Largest resident memory of the command.
        seconds: Its time.
        cpu_microseconds_a_row: Its processor time.
        wire_bytes_a_row: Bytes of the answers.
    """

    rows: int
    peak_mib: float
    seconds: float
    cpu_microseconds_a_row: float
    wire_bytes_a_row: float


class Replay:
    """Answers any structures with those that the shipped model gave to some crystals."""

    def __init__(self) -> None:
        artifact = load_artifact(shipped_model())
        self._encoder = BlockEncoder(artifact)
        self._query = replace(Query(tuple(range(len(artifact.card.properties)))), is_columnar=True)
        self._block = _answers(self._query)
        self._by_size: dict[int, prediction_pb2.ResultBlock] = {}
        self.n_bytes = 0
        self.card = models_pb2.GetModelResponse(model=self._encoder.model_card(DEFAULT_POLICY))

    def answer(self, encoded: bytes) -> bytes:
        """The answer to one ScreenRequest."""
        request = prediction_pb2.ScreenRequest.FromString(encoded)
        block = self._of_size(count_structures(request.structures))
        block.sequence = request.sequence
        answer = prediction_pb2.ScreenResponse(results=block).SerializeToString()
        self.n_bytes += len(answer)
        return answer

    def _of_size(self, n_rows: int) -> prediction_pb2.ResultBlock:
        if n_rows not in self._by_size:
            part = replace(self._block, answers=self._block.answers[:n_rows])
            self._by_size[n_rows] = self._encoder.results(part, self._query, 0)
        return self._by_size[n_rows]


def _answers(query: Query) -> BlockAnswer:
    structures = (list(bundled_structures()) * 2)[:_MOST_A_MESSAGE]
    items = [Item(str(row), structure) for row, structure in enumerate(structures)]
    return asyncio.run(InProcess()._service.evaluate(items, query))  # the engine of the bench, for its service


@contextmanager
def serving(replay: Replay) -> Any:
    """The target of a server that replays."""

    def screen(requests: Any, context: Any) -> Any:
        yield from map(replay.answer, requests)
        yield prediction_pb2.ScreenResponse(summary=prediction_pb2.ScreenSummary()).SerializeToString()

    def get_model(request: bytes, context: Any) -> bytes:
        return replay.card.SerializeToString()

    handlers = (
        grpc.method_handlers_generic_handler(
            "epitaxy.prediction.v1.PredictionService", {"Screen": grpc.stream_stream_rpc_method_handler(screen)}
        ),
        grpc.method_handlers_generic_handler(
            "epitaxy.models.v1.ModelService", {"GetModel": grpc.unary_unary_rpc_method_handler(get_model)}
        ),
    )
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    server.add_generic_rpc_handlers(handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)


def write_pool(path: Path, n_rows: int) -> None:
    """Crystals of the bundled set again and again, each row with an id of its own, as a struct of lists."""
    structures = [structure for structure in bundled_structures() if structure.n_sites <= 40]
    cells = [
        {"lattice": one.lattice.tolist(), "species": one.atomic_numbers.tolist(), "frac": one.frac_coords.tolist()}
        for one in structures
    ]
    column = pa.array((cells * (_GROUP // len(cells) + 1))[:_GROUP])
    schema = pa.schema([("id", pa.string()), ("structure", column.type)])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, n_rows, _GROUP):
            n_own = min(_GROUP, n_rows - start)
            ids = pa.array([f"row-{row}" for row in range(start, start + n_own)])
            writer.write_table(pa.table([ids, column[:n_own]], schema=schema))


def measure(replay: Replay, target: str, folder: Path, n_rows: int) -> Peak:
    """One screening by the command in a process of its own."""
    pool = folder / f"{n_rows}.parquet"
    write_pool(pool, n_rows)
    replay.n_bytes, began = 0, time.monotonic()
    arguments = ["screen", str(pool), "--out", str(folder / f"out-{n_rows}"), "--target", target, "--top", "10"]
    with (folder / "told.txt").open("w+") as told:
        command = [sys.executable, "-m", "epitaxy.cli", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise RuntimeError(f"the command ended with {process.returncode}: {told.read()[-2000:]}")
    return Peak(
        rows=n_rows,
        peak_mib=round(used.ru_maxrss / 1024, 1),
        seconds=round(time.monotonic() - began, 1),
        cpu_microseconds_a_row=round(1e6 * (used.ru_utime + used.ru_stime) / n_rows, 2),
        wire_bytes_a_row=round(replay.n_bytes / n_rows, 1),
    )


def faults_of(peaks: Sequence[Peak]) -> list[str]:
    """What is wrong with these peaks; nothing if memory stays flat and below its bound."""
    found = [f"{one.peak_mib:.0f} MiB at {one.rows:,} rows" for one in peaks if one.peak_mib >= MOST_MIB]
    for before, after in pairwise(peaks):
        if after.peak_mib > MOST_GROWTH * before.peak_mib:
            grown = after.peak_mib / before.peak_mib
            found.append(f"{grown:.2f} times the memory at {after.rows:,} rows as at {before.rows:,}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=list(SIZES),
        help="sizes, ascending (10000000 takes a quarter of an hour)",
    )
    parser.add_argument("--out", type=Path, default=Path("scratch/bench"))
    options = parser.parse_args(arguments)
    replay = Replay()
    with serving(replay) as target, tempfile.TemporaryDirectory() as folder:
        peaks = [measure(replay, target, Path(folder), n_rows) for n_rows in options.rows]
    options.out.mkdir(parents=True, exist_ok=True)
    report = {"record": machine_record(), "peaks": [asdict(one) for one in peaks], "faults": faults_of(peaks)}
    (options.out / "memory.json").write_text(json.dumps(report, indent=1) + "\n")
    sys.stdout.write(
        "| rows | peak, MiB | processor us a row | seconds | bytes of the answer a row |\n|---|---|---|---|---|\n"
    )
    for one in peaks:
        row = (f"{one.rows:,}", one.peak_mib, one.cpu_microseconds_a_row, one.seconds, one.wire_bytes_a_row)
        sys.stdout.write(f"| {' | '.join(map(str, row))} |\n")
    for fault in report["faults"]:
        sys.stdout.write(f"{fault}\n")
    return 1 if report["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
