"""What a greedy tenant costs a modest one, and what turns cost all: ``python -m loadtest.fairness [--before FOLDER]``.

A tenant predicts one known crystal at a time, alone and beside eight screens of another tenant who sends new crystals
without a pause, in turn. Beside them its p99 has to be at most three times that of alone plus one message's service
time. ``--before`` names a checkout of an earlier commit, whose stack screens known crystals in the same rounds: warm
throughput has to be at most 3 % lower than there. Ends with 1 if either is missed.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np

from epitaxy.client import AsyncClient
from loadtest import corpus
from loadtest.bench.report import replaced
from loadtest.local_stack import LocalStack, local_stack
from loadtest.machine import machine_record
from loadtest.spread import Spread, percentile, ratios

_MESSAGE = 128
_FACTOR, _LEAST_RATIO = 3.0, 0.97
_SETTLE_SECONDS = 2.0
_LOOK_SECONDS = 0.1


def main() -> int:
    options = _arguments()
    report: dict[str, Any] = {"record": machine_record(), "streams": options.streams, "message": _MESSAGE}
    with local_stack(n_tenants=2) as stack:
        report["rounds"] = asyncio.run(_all_rounds(stack, options))
    if options.before is not None:
        report["throughput"] = throughput(options.before, options)
    verdict = judged(report)
    report["verdict"] = verdict
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "fairness.json").write_text(json.dumps(report, indent=1) + "\n")
    if options.write_docs:
        page = Path(__file__).parents[1] / "docs/performance.md"
        page.write_text(replaced(page.read_text(), "fairness", markdown(report)))
    sys.stdout.write(markdown(report))
    return 0 if all(verdict.values()) else 1


def judged(report: Mapping[str, Any]) -> dict[str, bool]:
    """Whether each goal was reached that was measured. Rounds are judged by their medians."""
    rounds = report["rounds"]
    alone, beside = (median(entry[name]["p99_ms"] for entry in rounds) for name in ("alone", "beside"))
    service = median(entry["message_ms"] for entry in rounds)
    found = {"fair": beside <= _FACTOR * alone + service}
    if "throughput" in report:
        found["throughput"] = report["throughput"]["ratio"]["median"] >= _LEAST_RATIO
    return found


def markdown(report: Mapping[str, Any]) -> str:
    """Both figures in tables."""
    record, rounds = report["record"], report["rounds"]
    lines = [
        f"Commit {record['commit']}, {record['measured_at']}; {record['machine']}, load {record['load_before']} "
        f"before; medians of {len(rounds)} rounds.",
        "",
        "| single predictions of a modest tenant | p50, ms | p99, ms |",
        "|---|---|---|",
    ]
    for name, text in (("alone", "alone"), ("beside", f"beside {report['streams']} greedy streams of another tenant")):
        p50, p99 = (median(entry[name][key] for entry in rounds) for key in ("p50_ms", "p99_ms"))
        lines.append(f"| {text} | {p50:.0f} | {p99:.0f} |")
    service = median(entry["message_ms"] for entry in rounds)
    limit = _FACTOR * median(entry["alone"]["p99_ms"] for entry in rounds) + service
    greedy = median(entry["greedy_structures_per_second"] for entry in rounds)
    lines += [
        "",
        f"One message of {report['message']} new crystals takes {service:.0f} ms, so the limit is {limit:.0f} ms: "
        f"{'kept' if report['verdict']['fair'] else '**missed**'}. The greedy tenant had {greedy:.0f} structures/s.",
        "",
    ]
    if "throughput" in report:
        found = report["throughput"]
        ratio = found["ratio"]
        lines += [
            f"Known crystals, messages of 256, three screens at once: {found['now']['median']:,.0f} structures/s, at "
            f"{found['before_commit']} {found['before']['median']:,.0f}; ratio {ratio['median']:.3f} "
            f"({ratio['lowest']:.3f} to {ratio['highest']:.3f}, {ratio['n']:.0f} rounds in turn), "
            f"{_LEAST_RATIO} wanted: {'kept' if report['verdict']['throughput'] else '**missed**'}.",
            "",
        ]
    return "\n".join(lines)


async def _all_rounds(stack: LocalStack, options: argparse.Namespace) -> list[dict[str, Any]]:
    modest_key, greedy_key = stack.keys.values()
    async with AsyncClient(stack.target, modest_key) as modest, AsyncClient(stack.target, greedy_key) as greedy:
        known = corpus.named_triples(corpus.crystals(None, 40))
        await modest.predict(known)
        stream = _New(corpus.crystals(None, 557))
        await _screened(greedy, stream.draw(8 * _MESSAGE))
        address = (stack.target, greedy_key)
        return [await _round(modest, greedy, address, known, stream, options) for _ in range(options.rounds)]


async def _round(
    modest: AsyncClient,
    greedy: AsyncClient,
    greedy_address: tuple[str, str],
    known: Sequence[Any],
    stream: "_New",
    options: argparse.Namespace,
) -> dict[str, Any]:
    services = []
    for _ in range(5):
        began = time.perf_counter()
        await _screened(greedy, stream.draw(_MESSAGE))
        services.append(1e3 * (time.perf_counter() - began))
    await asyncio.sleep(_SETTLE_SECONDS)
    alone = await _predicted(modest, known, options.predictions)
    with _greedy_process(greedy_address, options.streams) as count:
        while not count.value:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(_SETTLE_SECONDS)
        began, before = time.perf_counter(), count.value
        beside = await _predicted(modest, known, options.predictions)
        rate = (count.value - before) / (time.perf_counter() - began)
    await asyncio.sleep(_SETTLE_SECONDS)
    found = {
        "message_ms": median(services),
        "alone": _percentiles(alone),
        "beside": _percentiles(beside),
        "greedy_structures_per_second": rate,
    }
    sys.stderr.write(f"fairness: {json.dumps(found)}\n")
    return found


async def _predicted(client: AsyncClient, known: Sequence[Any], count: int) -> list[float]:
    """Milliseconds of single predictions, one after the other with a short pause as a person's tool makes them."""
    waits = []
    for number in range(count):
        began = time.perf_counter()
        [result] = await client.predict([known[number % len(known)]])
        waits.append(1e3 * (time.perf_counter() - began))
        if result.error is not None:
            raise RuntimeError(f"a known crystal was not answered: {result.error.reason}")
        await asyncio.sleep(0.005)
    return waits


@contextmanager
def _greedy_process(address: tuple[str, str], n_streams: int) -> Iterator[Any]:
    """Screens without end from a process of their own; their packing must not make the modest tenant's client wait.

    Yields the number of answers so far.
    """
    context = multiprocessing.get_context("spawn")  # gRPC has threads
    count = context.Value("q", 0)
    process = context.Process(target=_greedy, args=(address, n_streams, count), daemon=True)
    process.start()
    try:
        yield count
    finally:
        process.kill()
        process.join()


def _greedy(address: tuple[str, str], n_streams: int, count: Any) -> None:
    async def one(client: AsyncClient, stream: "_New") -> None:
        async for _ in client.screen(stream.endless(), chunk_size=_MESSAGE):
            count.value += 1

    async def all_at_once() -> None:
        stream = _New(corpus.crystals(None, 557))
        async with AsyncClient(*address) as client:
            await asyncio.gather(*(one(client, stream) for _ in range(n_streams)))

    asyncio.run(all_at_once())


async def _screened(client: AsyncClient, items: Sequence[Any]) -> int:
    return sum([result.error is None async for result in client.screen(items, chunk_size=_MESSAGE)])


class _New:
    """Crystals that no cache knows."""

    def __init__(self, pool: Sequence[Any]) -> None:
        self._pool, self._random = pool, np.random.default_rng(time.time_ns())

    def draw(self, count: int) -> list[Any]:
        rows = self._random.integers(len(self._pool), size=count)
        return [corpus.triple(corpus.strained(self._pool[row], self._random)) for row in rows]

    def endless(self) -> Any:
        while True:
            yield from self.draw(_MESSAGE)


def _percentiles(waits: Sequence[float]) -> dict[str, float]:
    return {"p50_ms": percentile(waits, 0.5), "p99_ms": percentile(waits, 0.99), "n": len(waits)}


def throughput(before: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Warm structures a second of this stack and of an earlier one, in rounds in turn."""
    older = os.pathsep.join(str(before.resolve() / root) for root in ("services", "models"))
    with ExitStack() as opened:
        stacks = {"now": opened.enter_context(local_stack(n_tenants=1))}
        stacks["before"] = opened.enter_context(local_stack(n_tenants=1, settings={"PYTHONPATH": older}))
        items = corpus.named_triples(corpus.crystals(None, 2000))
        rates: dict[str, list[float]] = {name: [] for name in stacks}
        for _ in range(2):
            for stack in stacks.values():
                _warm_rate(stack, items, 1)
        for number in range(options.throughput_rounds):
            names = list(stacks) if number % 2 else list(stacks)[::-1]
            for name in names:
                rates[name].append(_warm_rate(stacks[name], items, options.laps))
        sys.stderr.write(f"fairness: {json.dumps(rates)}\n")
    return {
        "now": Spread.of(rates["now"]).as_record(),
        "before": Spread.of(rates["before"]).as_record(),
        "ratio": ratios(rates["now"], rates["before"]).as_record(),
        "before_commit": options.before_name or before.name,
    }


def _warm_rate(stack: LocalStack, items: Sequence[Any], laps: int) -> float:
    """Structures a second of three screens at once, each so many laps over the items."""
    [key] = stack.keys.values()

    async def one(client: AsyncClient) -> int:
        return sum([result.error is None async for result in client.screen(list(items) * laps, chunk_size=256)])

    async def all_at_once() -> float:
        async with AsyncClient(stack.target, key) as client:
            began = time.perf_counter()
            answered = sum(await asyncio.gather(*(one(client) for _ in range(3))))
            return answered / (time.perf_counter() - began)

    return asyncio.run(all_at_once())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtest.fairness", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="alone and beside, in turn (default: 3)")
    parser.add_argument("--predictions", type=int, default=300, help="single predictions of each (default: 300)")
    parser.add_argument("--streams", type=int, default=8, help="screens of the greedy tenant at once (default: 8)")
    parser.add_argument("--before", type=Path, help="checkout of an earlier commit to hold warm throughput against")
    parser.add_argument("--before-name", default="", help="what reports call it (default: the folder's name)")
    parser.add_argument("--throughput-rounds", type=int, default=10, help="of each of the two (default: 10)")
    parser.add_argument("--laps", type=int, default=3, help="over 2,000 known crystals, for each screen (default: 3)")
    parser.add_argument("--out", type=Path, default=Path("scratch/fairness"), help="folder of the report")
    parser.add_argument("--write-docs", action="store_true", help="the figures into docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
