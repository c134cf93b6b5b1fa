"""One member: answers the coordinator, and refuses what would open anything but an agreed sum."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from epitaxy.consortium.accounting import check_budget
from epitaxy.consortium.domain.agreement import Agreement
from epitaxy.consortium.domain.errors import AgreementError, LedgerError, RoundFailedError
from epitaxy.consortium.domain.quorum import check_members
from epitaxy.consortium.fixed_point import encode
from epitaxy.consortium.ledger import Ledger, LedgerEntry
from epitaxy.consortium.masking import SessionKeys, SignedKey, key_of
from epitaxy.consortium.messages import Message
from epitaxy.consortium.row_commitment import RowCommitment
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.federated.learner import MemberLearner
from epitaxy_models.federated.rows import MemberRows
from epitaxy_models.federated.steps import SumStep

BEGIN, AGREE, ADD, OPENED = "begin", "agree", "add", "opened"
ANSWER, REFUSAL = "answer", "refusal"


@dataclass(slots=True, eq=False)
class MemberAgent:
    """Holds a member's rows, identity and copy of the ledger.

    Attributes:
        name: Within the consortium.
        agreement: That the member consented to.
        identity: Signs the keys of every session.
        rows: Features and labels on the agreed scale.
        seed: Of the member's own choices.
        ledger: The member's copy.
        commitment: Rows of earlier rounds.
    """

    name: str
    agreement: Agreement
    identity: Ed25519PrivateKey
    rows: MemberRows
    seed: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    commitment: RowCommitment = field(default_factory=RowCommitment)
    _keys: SessionKeys | None = None
    _members: tuple[str, ...] = ()
    _learner: MemberLearner | None = None
    _n_added: int = 0
    _n_opened: int = 0

    def __post_init__(self) -> None:
        """Raises AgreementError if the agreement names another key for this member."""
        known = {member.name: member.public_key for member in self.agreement.members}
        if known.get(self.name) != key_of(self.identity):
            raise AgreementError(f"the agreement has another key for {self.name}")

    @property
    def learner(self) -> MemberLearner:
        """What was learned in the last session. Raises RoundFailedError before one began."""
        if self._learner is None:
            raise RoundFailedError(f"{self.name}: no session has begun", reason="OUT_OF_TURN")
        return self._learner

    def first_steps(self) -> tuple[SumStep, ...]:
        """Sums that begin a round, which follow from the agreement and the number of features."""
        return MemberLearner(self.rows, self.agreement.settings, self.seed).steps()

    def handle(self, request: bytes) -> bytes:
        """Answers one message; an error becomes a refusal with its reason, and never holds a number of any row."""
        try:
            return self._answer(Message.from_bytes(request)).to_bytes()
        except EpitaxyError as error:
            return Message(REFUSAL, {"reason": error.reason, "message": error.message}).to_bytes()

    def _answer(self, message: Message) -> Message:
        if message.kind == BEGIN:
            return self._begin(str(message.content["session"]), str(message.content["agreement"]))
        if message.kind == AGREE:
            return self._agree(message.content["keys"])
        if message.kind == ADD:
            return self._add(str(message.content["step"]))
        if message.kind == OPENED and message.numbers is not None:
            return self._opened(message.content["entry"], message.numbers)
        raise RoundFailedError(f"{self.name} does not answer {message.kind}", reason="INVALID_MESSAGE")

    def _begin(self, session: str, digest: str) -> Message:
        if digest != self.agreement.digest:
            raise AgreementError(
                f"{self.name} agreed to other terms: units, names, conditions, features, settings or versions differ"
            )
        if session in {entry.session for entry in self.ledger}:
            raise RoundFailedError(f"session {session} has been before", reason="REPEATED_SESSION")
        self._keys = SessionKeys(self.agreement, session, self.name)
        self._learner = MemberLearner(self.rows, self.agreement.settings, self.seed)
        self._members, self._n_added, self._n_opened = (), 0, 0
        key = self._keys.signed(self.identity)
        content = {"public_key": key.public_key, "signature": key.signature, "head": self.ledger.head}
        return Message(ANSWER, content)

    def _agree(self, keys: Mapping[str, Mapping[str, str]]) -> Message:
        session = self._session()
        if self._members:
            raise RoundFailedError(f"{self.name}: the keys of this session are agreed already", reason="OUT_OF_TURN")
        check_members(self.agreement, keys, [frozenset(entry.members) for entry in self.ledger])
        session.agree({name: SignedKey(key["public_key"], key["signature"]) for name, key in keys.items()})
        self.commitment.commit(self.rows)
        self._members = tuple(sorted(keys))
        return Message(ANSWER, {})

    def _add(self, name: str) -> Message:
        """The masked vector of the next step. No step is answered twice: two vectors under one mask give both away."""
        session, step = self._session(), self._next(self._n_added)
        if not self._members or step.name != name or self._n_added != self._n_opened:
            raise RoundFailedError(f"{self.name}: {name} is asked for out of its turn", reason="OUT_OF_TURN")
        check_budget(self._noise_so_far(), self.agreement.delta, self.agreement.epsilon_budget)
        vector = self.learner.vector(step)
        step.check(vector, self.name)
        vector = np.clip(self._with_noise(vector, step), -step.bound, step.bound)
        masked = encode(vector, step, len(self._members)) + session.mask(step.name, step.length)
        self._n_added += 1
        return Message(ANSWER, {"head": self.ledger.head}, masked)

    def _opened(self, record: Mapping[str, object], total: NDArray[np.float64]) -> Message:
        """Follows a sum, and keeps its entry."""
        step, entry = self._next(self._n_opened), LedgerEntry.from_json(record)
        if self._n_added != self._n_opened + 1:
            raise RoundFailedError(f"{self.name}: {step.name} is opened out of its turn", reason="OUT_OF_TURN")
        if (entry.step, entry.members, entry.consortium) != (step.name, self._members, self.agreement.digest):
            raise LedgerError(f"the ledger says {entry.step} of {', '.join(entry.members)}, which is not this sum")
        if entry.total_digest != hashlib.sha256(total.tobytes()).hexdigest():
            raise LedgerError("the sum is not the one that the ledger names")
        self.ledger.append(entry)
        self.learner.receive(step, total)
        self._n_opened += 1
        return Message(ANSWER, {"steps": [_step_record(one) for one in self.learner.steps()]})

    def _next(self, number: int) -> SumStep:
        steps = self.learner.steps()
        if number >= len(steps):
            raise RoundFailedError(f"{self.name}: all sums of this session are opened", reason="OUT_OF_TURN")
        return steps[number]

    def _session(self) -> SessionKeys:
        if self._keys is None:
            raise RoundFailedError(f"{self.name}: no session has begun", reason="OUT_OF_TURN")
        return self._keys

    def _noise_so_far(self) -> list[float]:
        earlier = [entry.noise_multiplier for entry in self.ledger if self.name in entry.members]
        return [*earlier, self.agreement.noise_multiplier]

    def _with_noise(self, vector: NDArray[np.float64], step: SumStep) -> NDArray[np.float64]:
        """Each member adds all of the noise: a row is private even if all other members tell theirs."""
        if not self.agreement.noise_multiplier:
            return vector
        if step.row_norm is None:
            raise RoundFailedError(f"{step.name}: nothing bounds what one row changes", reason="UNBOUNDED_ROW")
        deviation = self.agreement.noise_multiplier * step.row_norm
        return np.asarray(vector + np.random.default_rng().normal(0.0, deviation, len(vector)))


def _step_record(step: SumStep) -> dict[str, object]:
    return {"name": step.name, "length": step.length, "bound": step.bound, "row_norm": step.row_norm}
