"""Runs a round: asks all members, adds their masked vectors, opens the sum, and tells the members.

The coordinator sees masked vectors and sums, nothing else. It fails a round as a whole: it has no way to open less.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epitaxy.consortium.accounting import check_budget
from epitaxy.consortium.agent import ADD, AGREE, ANSWER, BEGIN, OPENED
from epitaxy.consortium.domain.agreement import Agreement
from epitaxy.consortium.domain.errors import LedgerError, MemberRefusedError, RoundFailedError
from epitaxy.consortium.domain.quorum import check_members
from epitaxy.consortium.fixed_point import Array, Ring, decode
from epitaxy.consortium.ledger import Ledger, LedgerEntry
from epitaxy.consortium.messages import Message
from epitaxy.consortium.ports import Federation
from epitaxy_models.federated.steps import MOMENTS, SumStep

ANSWER_TIMEOUT_S = 8.0
"""A member that is silent for so long fails the round, which is reported within 10 s."""


@dataclass(slots=True, eq=False)
class Coordinator:
    """Leads the rounds of one consortium.

    Attributes:
        agreement: Of the members.
        federation: Reaches them.
        first_steps: Sums that begin a round; members tell those that follow.
        ledger: The coordinator's copy.
        timeout_s: Longest wait for an answer.
        on_step: Called with the number of sums that are open, and of all that are known.
    """

    agreement: Agreement
    federation: Federation
    first_steps: tuple[SumStep, ...]
    ledger: Ledger = field(default_factory=Ledger)
    timeout_s: float = ANSWER_TIMEOUT_S
    on_step: Callable[[int, int], None] = lambda done, known: None

    def run(self) -> str:
        """One round, all of its sums. Returns the session's name.

        Raises:
            RoundFailedError: A member is missing, refused, or sent what does not add up. The sum of that step and all
                that follow are not opened.
            QuorumError: Too few members, or the differencing of two sums.
            BudgetError: The next release would cost too much.
        """
        session = secrets.token_hex(8)
        members = self._begin(session)
        steps, n_rows, done = self.first_steps, -1, 0
        while done < len(steps):
            step = steps[done]
            total = self._sum(step, members)
            n_rows = round(float(total[0])) if step.kind == MOMENTS else n_rows
            steps = self._tell(self._enter(step, total, session, members, n_rows), total, members)
            done += 1
            self.on_step(done, len(steps))
        return session

    def _begin(self, session: str) -> tuple[str, ...]:
        """Agrees on terms and keys. Nothing of any row is sent yet."""
        names = self.agreement.names
        content = {"session": session, "agreement": self.agreement.digest}
        answers = self._ask({name: Message(BEGIN, content) for name in names})
        members = tuple(sorted(check_members(self.agreement, answers, self._earlier())))
        for name, answer in answers.items():
            if answer.content.get("head") != self.ledger.head:
                message = f"{name}'s copy of the ledger differs from the coordinator's: compare them before a round"
                raise LedgerError(message, reason="LEDGER_FORKED")
        keys = {name: {key: answers[name].content[key] for key in ("public_key", "signature")} for name in members}
        self._ask({name: Message(AGREE, {"keys": keys}) for name in members})
        return members

    def _sum(self, step: SumStep, members: tuple[str, ...]) -> Array:
        check_budget(self._noise_so_far(), self.agreement.delta, self.agreement.epsilon_budget)
        answers = self._ask({name: Message(ADD, {"step": step.name}) for name in members})
        total: Ring = np.zeros(step.length, dtype=np.uint64)
        for name in members:
            masked = answers[name].numbers
            if masked is None or masked.dtype != np.uint64 or masked.shape != (step.length,):
                raise RoundFailedError(f"{name} sent no vector of {step.length} integers", reason="INVALID_MESSAGE")
            total = total + masked
        return decode(total, step, len(members))

    def _enter(self, step: SumStep, total: Array, session: str, members: tuple[str, ...], n_rows: int) -> LedgerEntry:
        agreement = self.agreement
        epsilon = check_budget(self._noise_so_far(), agreement.delta, 0.0)
        entry = LedgerEntry(
            number=len(self.ledger),
            consortium=agreement.digest,
            session=session,
            step=step.name,
            members=members,
            n_rows=n_rows,
            length=step.length,
            row_norm=step.row_norm,
            noise_multiplier=agreement.noise_multiplier,
            epsilon=epsilon,
            total_digest=hashlib.sha256(total.tobytes()).hexdigest(),
            previous=self.ledger.head,
        )
        self.ledger.append(entry)
        return entry

    def _tell(self, entry: LedgerEntry, total: Array, members: tuple[str, ...]) -> tuple[SumStep, ...]:
        """Members' steps after this sum; they must be the same at all."""
        message = Message(OPENED, {"entry": entry.as_json()}, total)
        answers = self._ask(dict.fromkeys(members, message))
        found = {name: _steps_of(answer.content) for name, answer in answers.items()}
        steps = found[members[0]]
        if any(other != steps for other in found.values()):
            raise RoundFailedError("members follow different steps: one has other code", reason="STEPS_DIFFER")
        return steps

    def _ask(self, messages: Mapping[str, Message]) -> dict[str, Message]:
        """Answers of all. Raises MemberRefusedError with the reason of the first that refuses."""
        started = time.monotonic()
        raw = self.federation.exchange({name: one.to_bytes() for name, one in messages.items()}, self.timeout_s)
        answers = {name: Message.from_bytes(raw[name]) for name in messages}
        for name, answer in answers.items():
            if answer.kind != ANSWER:
                why = f"{answer.content.get('reason')}: {answer.content.get('message')}"
                waited = time.monotonic() - started
                raise MemberRefusedError(f"{name} refused after {waited:.1f} s: {why}")
        return answers

    def _earlier(self) -> list[frozenset[str]]:
        return [frozenset(entry.members) for entry in self.ledger]

    def _noise_so_far(self) -> list[float]:
        return [*(entry.noise_multiplier for entry in self.ledger), self.agreement.noise_multiplier]


def _steps_of(content: Mapping[str, Any]) -> tuple[SumStep, ...]:
    try:
        return tuple(SumStep(**record) for record in content["steps"])
    except (KeyError, TypeError) as error:
        raise RoundFailedError("a member does not say its steps", reason="INVALID_MESSAGE") from error
