"""What a search needs from the outside."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy.gateway.domain import Answer, Chunk
from epitaxy.gateway.search import Evaluated, Quantity, Scores
from epitaxy.gateway.searching.domain import Begin, CandidateBlock, Question, Students, WantedStructures


class CandidateModel(Protocol):
    """The model and its students. Methods raise an EpitaxyError whose message is safe to show to the caller."""

    async def students(self, begin: Begin) -> Students:
        """What the students know. MUST raise InvalidRequestError for a property that the model lacks."""

    async def score(self, students: Students, quantities: tuple[Quantity, ...], block: CandidateBlock) -> Scores:
        """Scores of a block's candidates, in order; NaN for those that the students cannot tell."""

    def chunk(self, question: Question, wanted: WantedStructures) -> Chunk:
        """The wanted structures as the model is asked for them."""

    def read(
        self, answer: Answer, ids: tuple[str, ...], indices: NDArray[np.int64], quantities: tuple[Quantity, ...]
    ) -> Evaluated:
        """The answers in the order of ``indices``, which the structures' ``ids`` stand for."""


class SearchObserver(Protocol):
    """Is told how searches go. An observer MUST neither raise nor block."""

    def candidates_in(self, count: int) -> None:
        """Candidates were scored."""

    def search_ended(self, outcome: str, finished_share: float, n_dropped: int) -> None:
        """A search ended: ``finished``, ``cancelled`` or ``failed``."""

    def audited(self, recall: float, target: float) -> None:
        """A finished search estimated its recall by survey and audit."""
