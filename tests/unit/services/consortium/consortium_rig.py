"""Three small companies, and what a curious coordinator sees of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from epitaxy.consortium.agent import MemberAgent
from epitaxy.consortium.coordinator import Coordinator
from epitaxy.consortium.domain.agreement import Agreement, MemberIdentity
from epitaxy.consortium.masking import key_of
from epitaxy.consortium.messages import Message
from epitaxy.consortium.transports.in_process import InProcessFederation
from epitaxy_models.federated.columns import AgreedRange
from epitaxy_models.federated.rows import MemberRows
from epitaxy_models.federated.settings import MethodSettings

SMALL = MethodSettings(n_networks=2, width=4, rounds=2, local_steps=2, has_ridge=True, n_random_features=6)
NAMES = ("anvil", "bellows", "crucible")
N_FEATURES = 5


def small_rows(seed: int, n_rows: int = 24) -> MemberRows:
    generator = np.random.default_rng(seed)
    features = generator.uniform(-1, 1, (n_rows, N_FEATURES))
    return MemberRows(features, np.tanh(features @ np.arange(1.0, N_FEATURES + 1)) * 0.8)


class SeenFederation(InProcessFederation):
    """Keeps what passes, and lets a member die before its answer to one exchange."""

    def __init__(self, handlers: Mapping[str, Callable[[bytes], bytes]]) -> None:
        super().__init__(handlers)
        self.seen: list[dict[str, bytes]] = []
        self.kill_at: tuple[int, str] | None = None

    def exchange(self, messages: Mapping[str, bytes], timeout_s: float) -> Mapping[str, bytes]:
        answers: dict[str, bytes] = {}
        number = len(self.seen)
        self.seen.append(answers)
        for name, message in messages.items():
            if self.kill_at == (number, name):
                self.kill(name)
            else:
                answers[name] = self._handlers[name](message)
        if self.kill_at is not None and self.kill_at[0] == number:
            # The port's own: gives no answer, since one is missing.
            return super().exchange(messages, timeout_s)
        return answers


class ConsortiumRig:
    """Agents over one agreement, which tests change."""

    def __init__(self, settings: MethodSettings = SMALL, names: Sequence[str] = NAMES, **terms: Any) -> None:
        self.keys = {name: Ed25519PrivateKey.generate() for name in names}
        members = tuple(MemberIdentity(name, key_of(key)) for name, key in self.keys.items())
        target = AgreedRange("yield_strength", "MPa", 0.0, 2000.0)
        self.agreement = Agreement("alloys", target, (), members, settings, **terms)
        self.agents = {
            name: MemberAgent(name, self.agreement, key, small_rows(number), number)
            for number, (name, key) in enumerate(self.keys.items())
        }
        self.federation = SeenFederation({name: self._handler(name) for name in names})
        steps = next(iter(self.agents.values())).first_steps()
        self.coordinator = Coordinator(self.agreement, self.federation, steps, timeout_s=2.0)

    def _handler(self, name: str) -> Callable[[bytes], bytes]:
        def handle(request: bytes) -> bytes:
            # Looked up late: tests exchange agents.
            return self.agents[name].handle(request)

        return handle

    def ask(self, name: str, kind: str, content: Mapping[str, Any]) -> Message:
        return Message.from_bytes(self.agents[name].handle(Message(kind, dict(content)).to_bytes()))

    def with_agreement(self, name: str, **terms: Any) -> None:
        """One member consented to other terms."""
        agent = self.agents[name]
        self.agents[name] = MemberAgent(name, replace(self.agreement, **terms), agent.identity, agent.rows, agent.seed)

    def close(self) -> None:
        self.federation.close()
