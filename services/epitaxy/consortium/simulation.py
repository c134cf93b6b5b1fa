"""The whole consortium on one machine: what joining would bring each company, before anybody asks another."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from epitaxy.consortium.agent import MemberAgent
from epitaxy.consortium.companies import Company
from epitaxy.consortium.coordinator import Coordinator
from epitaxy.consortium.domain.agreement import Agreement, MemberIdentity
from epitaxy.consortium.masking import key_of
from epitaxy.consortium.ports import Federation
from epitaxy.consortium.transports.in_process import InProcessFederation
from epitaxy_models.federated.columns import AgreedCondition, AgreedRange
from epitaxy_models.federated.local_models import LOCAL_MODELS, fit_forest
from epitaxy_models.federated.membership import membership_auc
from epitaxy_models.federated.rows import Array, MemberRows
from epitaxy_models.federated.settings import MethodSettings
from epitaxy_models.federated.stack import PrivateStack, fit_stack

Connect = Callable[[Sequence[MemberAgent]], Federation]
"""Makes the transport of one round."""
SIMULATION_TIMEOUT_S = 120.0
"""Members share one machine's cores, which may be busy. A member that has died is seen at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of all companies.

    Attributes:
        features: ``[n_rows, n_features]``.
        labels: In the target's unit, ``[n_rows]``.
        target: What the labels are, with its agreed range.
        conditions: Agreed.
    """

    features: Array
    labels: Array
    target: AgreedRange
    conditions: tuple[AgreedCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class CompanyDraw:
    """One company in one draw. Errors are mean absolute errors of its test rows, in the target's unit.

    Attributes:
        company: Its name.
        n_test_rows: Its rows that nobody learned from.
        local: Errors of its own models by name.
        central: Error of a forest on the rows of all companies.
        federated: Error of what it serves after the round.
        verdict: By its own rows alone.
        serves: The stack, or its own best model.
        weights: Of the stack.
        coverage: Share of the test rows inside of the interval.
        half_width: Of the interval, in the unit.
    """

    company: str
    n_test_rows: int
    local: Mapping[str, float]
    central: float
    federated: float
    verdict: str
    serves: str
    weights: Mapping[str, float]
    coverage: float
    half_width: float


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw of rows and the round on them.

    Attributes:
        companies: All companies.
        n_releases: Sums that were opened.
        round_seconds: Duration of the round, the stacks left out.
        membership_auc: How well the common model's errors tell a company's rows of the round from its others; the mean
            over the companies.
    """

    companies: tuple[CompanyDraw, ...]
    n_releases: int
    round_seconds: float
    membership_auc: float


def play(
    table: Table,
    companies: Sequence[Company],
    n_rows: int,
    seed: int,
    connect: Connect | None = None,
    settings: MethodSettings | None = None,
) -> Draw:
    """One draw: every company learns from ``n_rows`` of its rows, and is tested on its others.

    Raises RoundFailedError if the round fails.
    """
    generator = np.random.default_rng(seed)
    picks = [generator.permutation(company.rows) for company in companies]
    scaled = table.target.scaled(table.labels)
    rows = [MemberRows(table.features[pick[:n_rows]], scaled[pick[:n_rows]]) for pick in picks]
    agents = _agents(table, rows, seed, settings or MethodSettings(seed=seed))
    federation = (connect or _in_process)(agents)
    started = time.monotonic()
    try:
        coordinator = Coordinator(
            agents[0].agreement, federation, agents[0].first_steps(), timeout_s=SIMULATION_TIMEOUT_S
        )
        coordinator.run()
    finally:
        federation.close()
    seconds = time.monotonic() - started
    tests = [pick[n_rows:] for pick in picks]
    return _judged(table, companies, agents, tests, Round(len(coordinator.ledger), seconds))


@dataclass(frozen=True, slots=True)
class Round:
    """What a round took."""

    n_releases: int
    seconds: float


def _judged(
    table: Table,
    companies: Sequence[Company],
    agents: Sequence[MemberAgent],
    tests: Sequence["np.ndarray[tuple[int, ...], np.dtype[np.int64]]"],
    round_: Round,
) -> Draw:
    scaled, settings = table.target.scaled(table.labels), agents[0].agreement.settings
    everything = MemberRows(
        np.concatenate([agent.rows.features for agent in agents]),
        np.concatenate([agent.rows.labels for agent in agents]),
    )
    central, common = fit_forest(everything, settings.seed), agents[0].learner.finish()
    found, attacks = [], []
    for company, agent, test in zip(companies, agents, tests, strict=True):
        stack = fit_stack(agent.learner.finish(), agent.rows, agent.learner.folds, settings, agent.seed)
        unseen = MemberRows(table.features[test], scaled[test], least=1)
        central_error = float(np.abs(central(unseen.features) - unseen.labels).mean())
        found.append(_company(company.name, stack, unseen, central_error, table.target.half_width))
        attacks.append(membership_auc(common, agent.rows, unseen))
    return Draw(tuple(found), round_.n_releases, round_.seconds, float(np.mean(attacks)))


def _company(name: str, stack: PrivateStack, unseen: MemberRows, central: float, unit: float) -> CompanyDraw:
    by_model, served = stack.predict_by_model(unseen.features), stack.predict(unseen.features)
    errors = np.abs(served - unseen.labels)
    return CompanyDraw(
        company=name,
        n_test_rows=len(unseen),
        local={model: float(np.abs(by_model[model] - unseen.labels).mean()) * unit for model in LOCAL_MODELS},
        central=central * unit,
        federated=float(errors.mean()) * unit,
        verdict=str(stack.judgement.verdict),
        serves=stack.judgement.serves,
        weights=dict(stack.weights),
        coverage=float((errors <= stack.half_width).mean()),
        half_width=stack.half_width * unit,
    )


def _agents(table: Table, rows: Sequence[MemberRows], seed: int, settings: MethodSettings) -> list[MemberAgent]:
    identities = [Ed25519PrivateKey.generate() for _ in rows]
    names = [f"member-{number + 1:02d}" for number in range(len(rows))]
    members = tuple(MemberIdentity(name, key_of(key)) for name, key in zip(names, identities, strict=True))
    agreement = Agreement("simulation", table.target, table.conditions, members, settings)
    return [
        MemberAgent(name, agreement, key, own, seed * 1000 + number)
        for number, (name, key, own) in enumerate(zip(names, identities, rows, strict=True))
    ]


def _in_process(agents: Sequence[MemberAgent]) -> Federation:
    return InProcessFederation({agent.name: agent.handle for agent in agents})
