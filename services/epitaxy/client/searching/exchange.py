"""The state of one search: what is sent, wanted and answered. No I/O but to the pool; used by one thread at a time."""

from array import array
from collections import deque
from collections.abc import Callable, Sequence

from epitaxy.api.prediction.v1 import prediction_pb2, search_pb2
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.screening.chunks import no_answer
from epitaxy.client.screening.packing import pack_items
from epitaxy.client.screening.reading import ResultBlockReader, refused_result
from epitaxy.client.screening.render import ScreenResult
from epitaxy.client.searching.candidates import candidate_block
from epitaxy.client.searching.pool import CandidatePool
from epitaxy.client.searching.results import (
    CandidateFate,
    SearchProgress,
    SearchSummary,
    read_fate,
    read_progress,
    read_summary,
)
from epitaxy.client.searching.spool import Spool


class SearchExchange:
    """Sends candidates, gives what is wanted, and knows what a lost stream leaves to do: all but the answers."""

    def __init__(self, order: search_pb2.SearchOrder, pool: CandidatePool, count: Callable[[], int | None]) -> None:
        self._order, self.pool, self._count = order, pool, count
        self._answers = Spool()
        # Number of the answer to each candidate in the spool, -1 for none.
        self._places = array("q")
        self._best: Sequence[int] = ()
        self.progress = SearchProgress()
        self.summary: SearchSummary | None = None
        self.fates: deque[CandidateFate] = deque()
        self._model = ""
        self.lose_stream()

    def lose_stream(self) -> None:
        """Another stream begins the search anew; what was evaluated is answered from the server's cache."""
        self._has_begun = self._is_sealed = self._is_open = False
        self._n_sent = 0
        self._wanted: deque[search_pb2.WantedCandidates] = deque()
        self._in_flight: dict[int, tuple[Sequence[int], dict[str, InputItem]]] = {}

    @property
    def is_finished(self) -> bool:
        """Whether the summary came."""
        return self.summary is not None

    def next_request(self) -> search_pb2.SearchRequest | None:
        """The next message; None if the server's word is awaited."""
        if not self._has_begun:
            self._has_begun = True
            self._order.n_candidates = self._count() or 0
            return search_pb2.SearchRequest(begin=self._order)
        if self._wanted:
            return self._give(self._wanted.popleft())
        # Once the server has said that it searches: a wrong order is told before anything is sent.
        return self._next_candidates() if self._is_open and not self._is_sealed else None

    def receive(self, response: search_pb2.SearchResponse) -> list[ScreenResult]:
        """Results that were not told before."""
        match response.WhichOneof("payload"):
            case "begun":
                self._is_open = True
                self._model = f"{response.begun.model.name}:{response.begun.model.version}"
            case "wanted":
                self._wanted.append(response.wanted)
            case "results":
                return self._read(response.results)
            case "progress":
                self.progress = read_progress(response.progress, self._n_sent)
            case "summary":
                self._best = tuple(response.summary.best)
                self.summary = read_summary(response.summary, self._model, self.pool.refusals)
            case "fate":
                self.fates.append(read_fate(response.fate, self.pool[response.fate.index].id))
        return []

    def best(self) -> list[ScreenResult]:
        """Answers to the best candidates, best first."""
        return [self._answers[self._places[number]] for number in self._best if self._place_of(number) >= 0]

    def close(self) -> None:
        """Gives the disk's space back."""
        self.pool.close()
        self._answers.close()

    def _next_candidates(self) -> search_pb2.SearchRequest:
        items = self.pool.draw(self._n_sent)
        if not items:
            self._is_sealed = True
            return search_pb2.SearchRequest(end_of_candidates=search_pb2.EndOfCandidates())
        self._n_sent += len(items)
        return search_pb2.SearchRequest(candidates=candidate_block(items))

    def _give(self, wanted: search_pb2.WantedCandidates) -> search_pb2.SearchRequest:
        structures, by_wire_id = pack_items([self.pool[number] for number in wanted.indices])
        self._in_flight[wanted.sequence] = (wanted.indices, by_wire_id)
        reply = search_pb2.WantedStructures(sequence=wanted.sequence, structures=structures)
        return search_pb2.SearchRequest(structures=reply)

    def _read(self, block: prediction_pb2.ResultBlock) -> list[ScreenResult]:
        indices, by_wire_id = self._in_flight.pop(block.sequence, ((), {}))
        reader = ResultBlockReader(block)
        answers = {answer.id: answer for answer in reader}
        fresh = []
        for number, (wire_id, item) in zip(indices, by_wire_id.items(), strict=True):
            answer = answers.get(wire_id)
            result = refused_result(item, no_answer()) if answer is None else reader.read(answer, item.id, item.index)
            if self._place_of(number) < 0:
                fresh.append(result)
            self._keep(number, result)
        return fresh

    def _place_of(self, number: int) -> int:
        return self._places[number] if number < len(self._places) else -1

    def _keep(self, number: int, result: ScreenResult) -> None:
        if len(self._places) < len(self.pool):
            self._places.extend([-1] * (len(self.pool) - len(self._places)))
        self._places[number] = self._answers.append(result)
