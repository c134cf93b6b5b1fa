"""The structure column of a data set as graphs, by several processes, in order."""

import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from hashlib import blake2b

from epitaxy_models.errors import ConfigurationError, EpitaxyError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.rules import Rule
from epitaxy_models.graphs.texts import graph_of_text

_ROWS_A_PIECE = 256


def column_digest(texts: Sequence[str]) -> str:
    """Name of a structure column's content."""
    content = blake2b(digest_size=16)
    for text in texts:
        content.update(text.encode())
        content.update(b"\n")
    return content.hexdigest()


def featurized(texts: Sequence[str], rule: Rule, processes: int = 1) -> Iterator[CrystalGraphBatch]:
    """Batches of graphs, in the order of the rows, whoever finishes first.

    No row is ever left out: raises the structure's own error, with its row number, where one cannot be used, and
    ConfigurationError where a process dies.
    """
    starts = range(0, len(texts), _ROWS_A_PIECE)
    pieces = ((list(texts[start : start + _ROWS_A_PIECE]), start, rule) for start in starts)
    if processes == 1:
        yield from (_graphs_of(*piece) for piece in pieces)
        return
    # Spawned, not forked: torch and Ray have threads. Two pieces a process wait at most, whatever the data set's size.
    waiting: deque[Future[CrystalGraphBatch]] = deque()
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            for piece in pieces:
                waiting.append(pool.submit(_graphs_of, *piece))
                if len(waiting) > 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise ConfigurationError("a featurizing process was killed: run again", reason="FEATURIZER_DIED") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _graphs_of(texts: list[str], start: int, rule: Rule) -> CrystalGraphBatch:
    return collate([_graph_of(text, row, rule) for row, text in enumerate(texts, start)])


def _graph_of(text: str, row: int, rule: Rule) -> CrystalGraph:
    try:
        return graph_of_text(text, rule)
    except EpitaxyError as error:
        raise type(error)(f"row {row}: {error.message}", reason=error.reason) from error
