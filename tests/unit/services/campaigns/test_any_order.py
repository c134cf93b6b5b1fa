"""Whatever is called in whatever order: no ticket twice, no result lost, and the log tells the same story again."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from campaign_rig import TENANT, CampaignRig, answered, measured
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from epitaxy.campaigns.domain.events import Recommended, ResultStatus
from epitaxy.campaigns.domain.record import CampaignRecord, TicketState
from epitaxy.campaigns.domain.reporting import GivenResult
from epitaxy.campaigns.domain.spec import Acquisition, Budget
from epitaxy.campaigns.reporting import Correction, Sample
from epitaxy.chassis.errors import FailedPreconditionError

N_CANDIDATES, BUDGET = 12, 9.0
KEPT = ("RECORDED", "RECORDED_LATE")


class AnyOrder(RuleBasedStateMachine):
    """Two processes on one database, robots that lose answers, a clock that runs."""

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="any-order-"))
        self.rigs = [CampaignRig(self.home)]
        self.rigs[0].ready(
            range(N_CANDIDATES), acquisition=Acquisition.RANDOM, budget=Budget(BUDGET), lease_seconds=100.0
        )
        self.rigs.append(self.rigs[0].again())
        self.tickets: list[str] = []
        self.kept: dict[tuple[str, str], float] = {}
        self.answers: dict[str, list[str]] = {}

    def teardown(self) -> None:
        for one in getattr(self, "rigs", ()):
            one.close()
        shutil.rmtree(getattr(self, "home", "/nonexistent"), ignore_errors=True)

    @rule(process=st.integers(0, 1), n=st.integers(1, 3), request=st.sampled_from(["", "r1", "r2", "r3"]))
    def recommend(self, process: int, n: int, request: str) -> None:
        with suppress(FailedPreconditionError):  # the budget is used up, or no candidate is left
            self._take(self.rigs[process].recommend(n=n, request=f"{request}-{n}" if request else ""), request, n)

    def _take(self, found: Recommended, request: str, n: int) -> None:
        names = [ticket.ticket for ticket in found.tickets]
        assert names
        if request:
            assert self.answers.setdefault(f"{request}-{n}", names) == names
        self.tickets += [name for name in names if name not in self.tickets]

    @rule(process=st.integers(0, 1), place=st.integers(0, 30), value=st.sampled_from([1.0, 2.0]))
    def report(self, process: int, place: int, value: float) -> None:
        if self.tickets:
            name = self.tickets[place % len(self.tickets)]
            self._keep((name, ""), value, self.rigs[process].report(answered(name, value)))

    @rule(process=st.integers(0, 1), number=st.integers(0, N_CANDIDATES), value=st.sampled_from([1.0, 2.0]))
    def report_by_id(self, process: int, number: int, value: float) -> None:
        outcome = self.rigs[process].report(measured(f"c{number}", value, measurement_id=f"m{value}"))
        assert outcome[0][0] != "REFUSED" or number == N_CANDIDATES or outcome[0][1] == "RESULT_CONFLICT"

    @rule(process=st.integers(0, 1), place=st.integers(0, 30), status=st.sampled_from(["FAILED", "ABANDONED"]))
    def give_up(self, process: int, place: int, status: str) -> None:
        if self.tickets:
            name = self.tickets[place % len(self.tickets)]
            self.rigs[process].report(Sample(GivenResult(ticket=name, status=ResultStatus(status))))

    @rule(process=st.integers(0, 1), place=st.integers(0, 30))
    def release(self, process: int, place: int) -> None:
        if self.tickets:
            name = self.tickets[place % len(self.tickets)]
            self.rigs[process].campaigns.release(TENANT, "one", [name], None)

    @rule(process=st.integers(0, 1), place=st.integers(0, 30))
    def retract(self, process: int, place: int) -> None:
        if self.tickets:
            name = self.tickets[place % len(self.tickets)]
            self.rigs[process].reporting.correct(TENANT, "one", [Correction(name, "", "", "wrong sample")], None)
            self.kept.pop((name, ""), None)

    @rule(seconds=st.sampled_from([1, 101]))
    def wait(self, seconds: int) -> None:
        self.rigs[0].clock.pass_seconds(seconds)

    @rule(process=st.integers(0, 1))
    def die(self, process: int) -> None:
        """Nothing is told to the process that ends."""
        self.rigs[process] = self.rigs[1 - process].again()

    @invariant()
    def nothing_is_lost_or_counted_twice(self) -> None:
        if not hasattr(self, "rigs"):
            return
        record = self.rigs[0].record()
        pending = [held.ticket.row for held in record.pending()]
        assert len(pending) == len(set(pending))
        marks = [
            (held.reading.row, held.reading.ticket, held.reading.measurement_id, name)
            for held in record.measured()
            for name in held.reading.values
        ]
        assert len(marks) == len(set(marks))
        values = {
            (held.reading.ticket, held.reading.measurement_id): held.reading.values["gap"].value
            for held in record.measured()
        }
        assert self.kept.items() <= values.items()
        assert set(self.tickets) == set(record.tickets)
        told = CampaignRecord.of(self.rigs[1].log.events(self.rigs[1].shelf.find(TENANT, "one").key.id))
        assert vars(told) == vars(record)
        n_charged = sum(held.state.is_charged for held in record.tickets.values())
        # Late results are taken in, whatever the budget says; a batch never goes beyond it.
        late = sum(held.state is not TicketState.PENDING for held in record.tickets.values() if held.state.is_charged)
        assert n_charged - late <= BUDGET

    def _keep(self, mark: tuple[str, str], value: float, outcome: list[tuple[str, str]]) -> None:
        if outcome[0][0] in KEPT:
            assert mark not in self.kept
            self.kept[mark] = value
        elif outcome[0][0] == "REPEATED":
            assert self.kept[mark] == value


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=6, stateful_step_count=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
