"""Rounds over the in-process transport: what is opened, what is refused, and who is named."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from consortium_rig import NAMES, SMALL, ConsortiumRig, small_rows

from epitaxy.consortium.coordinator import Coordinator
from epitaxy.consortium.domain.agreement import Agreement
from epitaxy.consortium.domain.errors import (
    AgreementError,
    LedgerError,
    MemberMissingError,
    MemberRefusedError,
    QuorumError,
    RoundFailedError,
)
from epitaxy.consortium.domain.quorum import check_members
from epitaxy.consortium.ledger import Ledger
from epitaxy_models.federated.columns import AgreedRange
from epitaxy_models.federated.rows import MemberRows
from epitaxy_models.federated.scaling import moment_vector


def test_a_round_opens_sums_over_all_members_and_nothing_else(rig: ConsortiumRig) -> None:
    rig.coordinator.run()
    rows = [agent.rows for agent in rig.agents.values()]
    plain = sum(moment_vector(one) for one in rows)
    scaling = rig.agents["anvil"].learner.scaling
    assert scaling.n_rows == sum(map(len, rows))
    np.testing.assert_allclose(scaling.means, plain[1:] / plain[0], atol=1e-6)
    assert [entry.step for entry in rig.coordinator.ledger] == [
        "moments",
        "spreads",
        "networks-1",
        "networks-2",
        "gram",
    ]
    assert {entry.members for entry in rig.coordinator.ledger} == {NAMES}


def test_all_members_end_with_one_common_model(rig: ConsortiumRig) -> None:
    rig.coordinator.run()
    new = small_rows(99).features
    answers = [agent.learner.finish().predict(new) for agent in rig.agents.values()]
    for other in answers[1:]:
        np.testing.assert_array_equal(answers[0]["networks"], other["networks"])
        np.testing.assert_array_equal(answers[0]["ridge"], other["ridge"])


def test_every_member_keeps_the_same_ledger(rig: ConsortiumRig) -> None:
    rig.coordinator.run()
    heads = {agent.ledger.head for agent in rig.agents.values()}
    assert heads == {rig.coordinator.ledger.head}
    assert all(entry.n_rows == 72 and entry.noise_multiplier == 0 for entry in rig.coordinator.ledger)


def test_a_second_round_goes_on_in_the_same_ledger(rig: ConsortiumRig) -> None:
    first, second = rig.coordinator.run(), rig.coordinator.run()
    assert first != second
    assert len(rig.coordinator.ledger) == 10


@pytest.mark.parametrize(
    "terms",
    [
        {"target": AgreedRange("yield_strength", "ksi", 0.0, 2000.0)},
        {"target": AgreedRange("hardness", "MPa", 0.0, 2000.0)},
        {"conditions": (AgreedRange("temperature", "K", 0.0, 2000.0),)},
        {"settings": replace(SMALL, rounds=3)},
    ],
    ids=["unit", "property", "condition", "settings"],
)
def test_members_who_agreed_to_other_terms_add_nothing(rig: ConsortiumRig, terms: dict[str, object]) -> None:
    rig.with_agreement("bellows", **terms)
    with pytest.raises(MemberRefusedError, match=r"bellows refused.*NO_AGREEMENT.*units, names"):
        rig.coordinator.run()
    assert not rig.coordinator.ledger


def test_an_agreement_of_another_version_is_not_read(rig: ConsortiumRig) -> None:
    record = json.loads(json.dumps(rig.agreement.as_json()))
    assert Agreement.from_json(record) == rig.agreement
    record["versions"]["features"] = "federated-features-0"
    with pytest.raises(AgreementError, match="this member speaks"):
        Agreement.from_json(record)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e9])
def test_a_vector_that_is_not_finite_or_absurd_is_dropped_and_its_member_named(rig: ConsortiumRig, bad: float) -> None:
    agent = rig.agents["bellows"]
    features = agent.rows.features.copy()
    object.__setattr__(agent.rows, "features", features)
    features[0, 0] = bad
    with pytest.raises(MemberRefusedError, match=r"bellows refused.*INVALID_UPDATE: bellows: moments holds"):
        rig.coordinator.run()
    assert not rig.coordinator.ledger


def test_a_malicious_vector_fails_the_round_by_its_sum(rig: ConsortiumRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can see whose it was: proofs of range are out of reach."""
    from epitaxy.consortium import agent as agents

    honest = agents.encode

    def poisoned(vector: np.ndarray, step: object, n_members: int) -> np.ndarray:
        vector = honest(vector, step, n_members)
        return vector + np.uint64(2**62) if step.name == "networks-1" else vector  # type: ignore[attr-defined]

    monkeypatch.setattr(agents, "encode", poisoned)
    with pytest.raises(RoundFailedError, match=r"networks-1 holds .* members within their bounds give at most"):
        rig.coordinator.run()
    assert [entry.step for entry in rig.coordinator.ledger] == ["moments", "spreads"]


def test_a_missing_member_fails_the_round_and_is_named(rig: ConsortiumRig) -> None:
    rig.federation.kill("crucible")
    rig.federation.kill_at = (0, "crucible")
    with pytest.raises(MemberMissingError, match="crucible did not answer in time"):
        rig.coordinator.run()
    assert not rig.coordinator.ledger


def test_no_step_is_answered_twice_or_out_of_turn(rig: ConsortiumRig) -> None:
    """Two vectors under one mask would give their difference away."""
    begun = rig.ask("anvil", "add", {"step": "moments"})
    assert (begun.kind, begun.content["reason"]) == ("refusal", "OUT_OF_TURN")
    keys = {}
    for name in NAMES:
        answer = rig.ask(name, "begin", {"session": "s", "agreement": rig.agreement.digest})
        keys[name] = {key: answer.content[key] for key in ("public_key", "signature")}
    assert rig.ask("anvil", "agree", {"keys": keys}).kind == "answer"
    assert rig.ask("anvil", "agree", {"keys": keys}).content["reason"] == "OUT_OF_TURN"
    assert rig.ask("anvil", "add", {"step": "spreads"}).content["reason"] == "OUT_OF_TURN"
    assert rig.ask("anvil", "add", {"step": "moments"}).kind == "answer"
    assert rig.ask("anvil", "add", {"step": "moments"}).content["reason"] == "OUT_OF_TURN"


def test_a_round_under_the_quorum_is_refused_by_members_themselves(rig: ConsortiumRig) -> None:
    keys = {}
    for name in NAMES[:2]:
        answer = rig.ask(name, "begin", {"session": "s", "agreement": rig.agreement.digest})
        keys[name] = {key: answer.content[key] for key in ("public_key", "signature")}
    refused = rig.ask("anvil", "agree", {"keys": keys})
    assert (refused.kind, refused.content["reason"]) == ("refusal", "NO_QUORUM")


def test_two_members_are_no_consortium() -> None:
    with pytest.raises(AgreementError, match="at least 3 members, 2 are named"):
        ConsortiumRig(names=NAMES[:2])


def test_sums_whose_members_differ_by_one_are_refused() -> None:
    names = ("a", "b", "c", "d", "e")
    rig = ConsortiumRig(names=names, quorum=3)
    everybody, three = frozenset(names), frozenset(names[:3])
    assert check_members(rig.agreement, three, [everybody]) == three
    with pytest.raises(QuorumError, match="differ by e alone"):
        check_members(rig.agreement, names[:4], [everybody])
    with pytest.raises(QuorumError, match="differ by d alone"):
        check_members(rig.agreement, names[:4], [three])
    with pytest.raises(QuorumError, match="z: not members of alloys"):
        check_members(rig.agreement, ("a", "b", "z"), [])


def test_rows_of_which_a_few_changed_wait(rig: ConsortiumRig) -> None:
    """Two sums that differ by one row give the row back."""
    rig.coordinator.run()
    agent = rig.agents["anvil"]
    one_more = small_rows(77, 12)
    agent.rows = MemberRows(
        np.vstack([agent.rows.features, one_more.features[:1]]), np.append(agent.rows.labels, one_more.labels[:1])
    )
    with pytest.raises(MemberRefusedError, match=r"anvil refused.*FEW_ROWS_CHANGED: 1 rows changed"):
        rig.coordinator.run()
    assert len(rig.coordinator.ledger) == 5


def test_a_changed_ledger_is_found(rig: ConsortiumRig, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    rig.agents["anvil"].ledger = Ledger(path)
    rig.coordinator.run()
    assert Ledger(path).head == rig.coordinator.ledger.head
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0].replace('"n_rows": 72', '"n_rows": 71'), *lines[1:]]), encoding="utf-8")
    with pytest.raises(LedgerError, match="entry 0 of the ledger was changed"):
        Ledger(path)
    path.write_text("\n".join([lines[0], *lines[2:]]), encoding="utf-8")
    with pytest.raises(LedgerError, match="entry 2 does not follow entry 0"):
        Ledger(path)


def test_a_forked_ledger_stops_the_next_round(rig: ConsortiumRig) -> None:
    rig.coordinator.run()
    coordinator = Coordinator(rig.agreement, rig.federation, rig.coordinator.first_steps)
    with pytest.raises(LedgerError, match="anvil's copy of the ledger differs"):
        coordinator.run()
