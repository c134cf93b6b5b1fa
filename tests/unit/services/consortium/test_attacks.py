"""What each attacker gets: a curious coordinator, one between members, a killed member, and other members."""

import itertools

import numpy as np
import pytest
from consortium_rig import NAMES, ConsortiumRig, small_rows

from epitaxy.consortium.domain.errors import MemberMissingError
from epitaxy.consortium.fixed_point import resolution_of
from epitaxy.consortium.messages import Message
from epitaxy_models.federated.scaling import moment_vector
from epitaxy_models.federated.steps import SumStep

# Begin, agree, then one question and one report for each of five sums.
_N_EXCHANGES = 12
_STEPS = ("moments", "spreads", "networks-1", "networks-2", "gram")


def test_a_killed_member_opens_no_single_update_in_100_trials() -> None:
    """At every step, before its vector or after it: what the coordinator then holds stays masked."""
    generator = np.random.default_rng(5)
    n_failed = 0
    for trial in range(100):
        rig = ConsortiumRig()
        number, victim = trial % _N_EXCHANGES, NAMES[int(generator.integers(3))]
        rig.federation.kill_at = (number, victim)
        with pytest.raises(MemberMissingError, match=f"{victim} did not answer"):
            rig.coordinator.run()
        n_failed += 1
        n_opened = max(0, (number - 1) // 2)
        assert [entry.step for entry in rig.coordinator.ledger] == list(_STEPS[:n_opened])
        assert all(entry.members == NAMES for entry in rig.coordinator.ledger)
        _assert_masked(rig)
        rig.close()
    assert n_failed == 100


def _assert_masked(rig: ConsortiumRig) -> None:
    """No part of any exchange, alone or added to another's, is anything but noise."""
    for answers in rig.federation.seen:
        vectors = [Message.from_bytes(answer).numbers for answer in answers.values()]
        masked = [vector for vector in vectors if vector is not None]
        for size in range(1, min(len(masked), len(NAMES) - 1) + 1):
            for some in itertools.combinations(masked, size):
                assert _is_noise(sum(some[1:], some[0]))


def _is_noise(total: np.ndarray) -> bool:
    """Uniform integers of 64 bits. What a few dozen rows add lies within a hundred-thousandth of the ring about 0."""
    return bool(np.median(np.abs(total.view(np.int64).astype(np.float64))) > 2.0**63 / 1000)


def test_what_is_called_noise_is_not_so_without_masks(rig: ConsortiumRig) -> None:
    """The check above can fail."""
    step = rig.coordinator.first_steps[0]
    plain = np.round(moment_vector(rig.agents["anvil"].rows) / resolution_of(step, 3)).astype(np.int64).view(np.uint64)
    assert not _is_noise(plain)


def test_a_curious_coordinator_sees_each_vector_masked_and_the_sum_exact(rig: ConsortiumRig) -> None:
    rig.coordinator.run()
    _assert_masked(rig)
    moments = [Message.from_bytes(answer).numbers for answer in rig.federation.seen[2].values()]
    total = sum(moments[1:], moments[0]).view(np.int64) * resolution_of(rig.coordinator.first_steps[0], 3)
    plain = sum(moment_vector(agent.rows) for agent in rig.agents.values())
    np.testing.assert_allclose(total, plain, atol=1e-6)


def test_masks_of_two_steps_and_two_sessions_differ(rig: ConsortiumRig) -> None:
    """One mask for two vectors would give their difference away: rows that changed, or rounds that follow."""
    rig.coordinator.run()
    rig.coordinator.run()
    first, second = (
        Message.from_bytes(rig.federation.seen[number]["anvil"]).numbers for number in (2, 2 + _N_EXCHANGES)
    )
    assert first is not None
    assert second is not None
    assert _is_noise(first - second)


def test_a_key_that_was_exchanged_on_its_way_is_refused(rig: ConsortiumRig) -> None:
    """A coordinator that puts its own key in the place of a member's would read the masks."""
    keys = {}
    for name in NAMES:
        answer = rig.ask(name, "begin", {"session": "s", "agreement": rig.agreement.digest})
        keys[name] = {key: answer.content[key] for key in ("public_key", "signature")}
    keys["bellows"]["public_key"] = "11" * 32
    refused = rig.ask("anvil", "agree", {"keys": keys})
    assert (refused.kind, refused.content["reason"]) == ("refusal", "FORGED_KEY")


def test_differencing_of_two_rounds_gives_no_row_back(rig: ConsortiumRig) -> None:
    """One row more in the next round is refused, so that no two sums differ by it; the plain difference would be it."""
    before = moment_vector(rig.agents["anvil"].rows)
    rig.coordinator.run()
    agent, extra = rig.agents["anvil"], small_rows(50)
    rows = type(agent.rows)(
        np.vstack([agent.rows.features, extra.features[:1]]), np.append(agent.rows.labels, extra.labels[:1])
    )
    np.testing.assert_allclose((moment_vector(rows) - before)[1:-1], extra.features[0], atol=1e-12)
    agent.rows = rows
    n_before = len(rig.federation.seen)
    with pytest.raises(Exception, match="FEW_ROWS_CHANGED"):
        rig.coordinator.run()
    after = rig.federation.seen[n_before:]
    assert all(Message.from_bytes(answer).numbers is None for answers in after for answer in answers.values())


def test_a_single_row_cannot_be_inverted_from_a_vector(rig: ConsortiumRig) -> None:
    """A gradient of one row is the row (times its error). A member of one row is refused before it computes one."""
    from epitaxy_models.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="1 rows: a member needs at least 12"):
        small_rows(1, 1)


def test_a_step_that_no_member_agreed_to_is_refused(rig: ConsortiumRig) -> None:
    """A coordinator may not ask for something of its own, such as one row's moments."""
    rig.coordinator.first_steps = (SumStep("row-17", 7, 1e6, None),)
    with pytest.raises(Exception, match="row-17 is asked for out of its turn"):
        rig.coordinator.run()
    assert not rig.coordinator.ledger
