"""Answers as columns, straight from the arrays of a block: no message for each structure."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy.answers.writing import (
    ANSWERED,
    FAILED,
    REFUSED,
    FindingWriter,
    TextTable,
    float64_bytes,
    uint8_bytes,
    uint32_bytes,
)
from epitaxy.api.prediction.v1 import columns_pb2, prediction_pb2
from epitaxy.prediction.answers.enums import DOMAIN_VERDICTS, REVIEW_VERDICTS
from epitaxy.prediction.answers.refusals import error_message
from epitaxy.prediction.domain import Accepted, Answer, BlockAnswer, Query, ReadMaterial, Refusal
from epitaxy_models.review import ReviewDecision, doubts_of
from epitaxy_models.structures.display import display_formula

# The columns of a value, and the arrays of a prediction that hold them.
_ARRAYS = {
    "values": "values",
    "epistemic_stds": "epistemic_std",
    "aleatoric_stds": "aleatoric_std",
    "stds": "stds",
    "lower": "lower",
    "upper": "upper",
}


class ColumnWriter:
    """Writes the columns of one block."""

    def __init__(self, block: BlockAnswer, query: Query) -> None:
        self._block, self._query = block, query
        self._texts = TextTable()
        self._rows = np.array([answer.row for answer in block.answers], dtype=np.intp)
        self._answered = [answer for answer in block.answers if not isinstance(answer.outcome, Refusal)]
        self._is_whole = len(self._answered) == len(block.answers)
        self._places = np.flatnonzero(self._rows >= 0)

    def counts(self) -> prediction_pb2.OutcomeCounts:
        """The answers counted by outcome."""
        outcomes = self._outcomes()
        return prediction_pb2.OutcomeCounts(
            answered=outcomes.count(ANSWERED),
            refused=outcomes.count(REFUSED),
            failed=outcomes.count(FAILED),
            cache_hits=sum(answer.is_cache_hit for answer in self._answered),
        )

    def message(self) -> columns_pb2.ResultColumns:
        """The columns."""
        formulas, n_sites = self._names()
        domains = [self._block.prediction.domains[answer.row] for answer in self._answered]
        decisions, rules = self._reviews()
        repairs, notes = self._findings()
        return columns_pb2.ResultColumns(
            n_structures=len(self._block.answers),
            outcomes=self._outcomes(),
            formulas=uint32_bytes(self._spread(formulas, np.uint32)),
            n_sites=uint32_bytes(self._spread(n_sites, np.uint32)),
            values=self._values(),
            domain_scores=float64_bytes(self._spread([domain.score for domain in domains], np.float64)),
            domain_verdicts=self._bytes([DOMAIN_VERDICTS[domain.verdict] for domain in domains]),
            domain_reasons=uint32_bytes(
                self._spread([self._texts.place(domain.reason) for domain in domains], np.uint32)
            ),
            cache_hits=self._bytes([answer.is_cache_hit for answer in self._answered]),
            review_verdicts=self._bytes([REVIEW_VERDICTS[decision.verdict] for decision in decisions]),
            review_rules=rules,
            repairs=repairs,
            notes=notes,
            errors=self._errors(),
            texts=self._texts.texts,
        )

    def _outcomes(self) -> bytes:
        return bytes(len(self._answered)) if self._is_whole else uint8_bytes(map(_outcome, self._block.answers))

    def _names(self) -> tuple[list[int], list[int]]:
        """Places of the formulas, and numbers of sites."""
        formulas, n_sites, place = [], [], self._texts.place
        for answer in self._answered:
            outcome = answer.outcome
            if isinstance(outcome, Accepted):
                formulas.append(place(display_formula(outcome.structure.atomic_numbers)))
                n_sites.append(outcome.structure.n_sites)
            elif isinstance(outcome, ReadMaterial):
                formulas.append(place(outcome.formula))
                n_sites.append(outcome.n_atoms)
        return formulas, n_sites

    def _values(self) -> list[columns_pb2.ValueColumns]:
        prediction, rows = self._block.prediction, self._rows[self._places]
        messages = []
        for column in self._query.properties:
            message = columns_pb2.ValueColumns(coverage=self._query.coverage)
            for name, attribute in _ARRAYS.items():
                found = getattr(prediction, attribute)[rows, column]
                setattr(message, name, float64_bytes(self._spread(found, np.float64)))
            messages.append(message)
        return messages

    def _reviews(self) -> tuple[list[ReviewDecision], columns_pb2.FindingColumns]:
        decisions, writer = [], FindingWriter(self._texts)
        for place, answer in zip(self._places.tolist(), self._answered, strict=True):
            decision, outcome = self._block.reviews[answer.row], answer.outcome
            if not isinstance(outcome, Refusal) and (outcome.repairs or outcome.notes):
                decision = decision.with_rules(doubts_of(outcome.repairs, outcome.notes))
            for rule in decision.rules:
                writer.add(place, rule.code, rule.message)
            decisions.append(decision)
        return decisions, writer.message()

    def _findings(self) -> tuple[columns_pb2.FindingColumns, columns_pb2.FindingColumns]:
        """Repairs and notes."""
        repairs, notes = FindingWriter(self._texts), FindingWriter(self._texts)
        for place, outcome in self._accepted():
            for repair in outcome.repairs:
                repairs.add(place, repair.code, repair.message)
            for note in outcome.notes:
                notes.add(place, note.code, note.message)
        return repairs.message(), notes.message()

    def _accepted(self) -> Iterator[tuple[int, Accepted | ReadMaterial]]:
        for place, answer in zip(self._places.tolist(), self._answered, strict=True):
            if not isinstance(answer.outcome, Refusal):
                yield place, answer.outcome

    def _errors(self) -> columns_pb2.FindingColumns:
        writer = FindingWriter(self._texts)
        for place, answer in enumerate(self._block.answers):
            if isinstance(answer.outcome, Refusal):
                writer.add(place, answer.outcome.reason, error_message(answer.outcome))
        return writer.message()

    def _bytes(self, found: Sequence[int]) -> bytes:
        return bytes(found) if self._is_whole else self._spread(found, np.uint8).tobytes()

    def _spread(self, found: Sequence[float] | NDArray[np.float64], kind: type[np.generic]) -> NDArray[np.generic]:
        """What was found of the answered structures, at their places among all of the block."""
        column = np.asarray(found, dtype=kind)
        if self._is_whole:
            return column
        whole = np.full(len(self._rows), np.nan if kind is np.float64 else 0, dtype=kind)
        whole[self._places] = column
        return whole


def _outcome(answer: Answer) -> int:
    if not isinstance(answer.outcome, Refusal):
        return ANSWERED
    return FAILED if answer.outcome.is_retryable else REFUSED
