"""The campaign service's Prometheus metrics."""

import logging
import re
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from epitaxy.campaigns.domain.events import (
    Closed,
    Corrected,
    Happening,
    Outcome,
    Recommended,
    Released,
    Reported,
    ResultStatus,
    Told,
)
from epitaxy.campaigns.domain.record import CampaignState
from epitaxy.campaigns.ports import CampaignKey, CampaignLog, Summary
from epitaxy.chassis.errors import RetryLaterError
from epitaxy.chassis.metrics import BoundedLabel, RpcMetrics
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE

logger = logging.getLogger(__name__)

PREFIX = "epitaxy_campaigns"
_ONE = "epitaxy_campaign"
MAX_CAMPAIGNS = 300
"""Largest number of series by campaign, those with the most results first."""
MIN_PREDICTED = 20
"""Fewer results with a prediction tell nothing of coverage."""
MAX_REASONS = 64
ROUND_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
BLOCK_BUCKETS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_REASONS = ("UNKNOWN_CANDIDATE", "UNKNOWN_TICKET", "WRONG_UNIT", "NOT_FINITE", "RESULT_CONFLICT")
_TICKETS = ("issued", "reported", "failed", "abandoned", "released", "expired")
_OUTCOMES = {
    Outcome.RECORDED: "recorded",
    Outcome.REPEATED: "repeated",
    Outcome.RECORDED_LATE: "late",
    Outcome.REFUSED: "refused",
}
_OF_STATUS = {
    ResultStatus.MEASURED: "reported",
    ResultStatus.FAILED: "failed",
    ResultStatus.ABANDONED: "abandoned",
}
_POOL_STATES = ("waiting", "ready", "refused", "copy")
_OPEN_STATES = tuple(state for state in CampaignState if state is not CampaignState.CLOSED)
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class CampaignMetrics:
    """Counts what happens; implements CampaignObserver and PoolObserver."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rpc = RpcMetrics(registry, PREFIX)
        self._reason = BoundedLabel(MAX_REASONS, accepts=lambda reason: _NAME.fullmatch(reason) is not None)
        self._tickets = Counter(f"{_ONE}_tickets", "Tickets by what became of them.", ["outcome"], registry=registry)
        self._results = Counter(
            f"{_ONE}_results", "Results by status and outcome.", ["status", "outcome"], registry=registry
        )
        self._refusals = Counter(
            f"{_ONE}_refusals", "Results that were refused, by reason.", ["reason"], registry=registry
        )
        self._rounds = Histogram(
            f"{_ONE}_round_seconds",
            "Time to choose a batch and to log it, seconds.",
            buckets=ROUND_BUCKETS,
            registry=registry,
        )
        self._blocks = Histogram(
            f"{_ONE}_featurize_seconds",
            "Time of the prediction application for one block of candidates, seconds.",
            buckets=BLOCK_BUCKETS,
            registry=registry,
        )
        self._failed_blocks = Counter(
            f"{_ONE}_featurize_failures", "Blocks of candidates that have to be asked for again.", registry=registry
        )
        self._predicted = Counter(
            f"{_ONE}_predicted_results", "Results that had an interval on record before.", registry=registry
        )
        self._covered = Counter(f"{_ONE}_covered_results", "Those inside of their interval.", registry=registry)
        self._fallbacks = Counter(
            f"{_ONE}_fallbacks",
            "Times that another model than the transferred one took over.",
            ["speaking"],
            registry=registry,
        )
        self._conflicts = Counter(
            f"{_ONE}_log_append_conflicts", "Entries that another process was faster with.", registry=registry
        )
        self._appends = Histogram(f"{_ONE}_log_append_seconds", "Time to write one entry, seconds.", registry=registry)
        nominal = Gauge(f"{_ONE}_nominal_coverage", "Share of results that intervals promise.", registry=registry)
        nominal.set(DEFAULT_COVERAGE)
        self._begin()

    def _begin(self) -> None:
        """A series that begins with its first failure hides that failure from every rate."""
        for outcome in _TICKETS:
            self._tickets.labels(outcome)
        for status, outcome in product(ResultStatus, _OUTCOMES.values()):
            self._results.labels(status.value.lower(), outcome)
        for reason in _REASONS:
            self._refusals.labels(self._reason(reason))
        for speaking in ("descriptor", "mean"):
            self._fallbacks.labels(speaking)

    def happened(self, happening: Happening) -> None:
        """Counts tickets and results."""
        match happening:
            case Recommended() as batch:
                self._tickets.labels("issued").inc(len(batch.tickets))
            case Released() as released:
                outcome = "expired" if released.cause == "expired" else "released"
                self._tickets.labels(outcome).inc(len(released.tickets))
            case Closed() as closed:
                self._tickets.labels("released").inc(len(closed.released))
            case Reported() as reported:
                self._report(reported)
            case Corrected() as corrected:
                self._refuse(corrected.told)

    def scored(self, n_predicted: int, n_covered: int) -> None:
        """Counts results that had a prediction on record."""
        self._predicted.inc(n_predicted)
        self._covered.inc(n_covered)

    def fell_back(self, speaking: str) -> None:
        """Counts one model that took over from the transferred one."""
        self._fallbacks.labels(speaking).inc()

    def round_done(self, seconds: float) -> None:
        """Observes one batch."""
        self._rounds.observe(seconds)

    def appended(self, seconds: float) -> None:
        """Observes one entry."""
        self._appends.observe(seconds)

    def conflict(self) -> None:
        """Counts an entry that came too late."""
        self._conflicts.inc()

    def featurized(self, seconds: float) -> None:
        """Observes one block."""
        self._blocks.observe(seconds)

    def featurize_failed(self) -> None:
        """Counts a block that is asked for again."""
        self._failed_blocks.inc()

    def _report(self, reported: Reported) -> None:
        for reading in reported.readings:
            outcome = "late" if reading.is_late else "recorded"
            self._results.labels(reading.status.value.lower(), outcome).inc()
            if reading.ticket:
                self._tickets.labels(_OF_STATUS[reading.status]).inc()
        repeated = sum(told.outcome is Outcome.REPEATED for told in reported.told)
        self._results.labels("measured", "repeated").inc(repeated)
        self._refuse(reported.told)

    def _refuse(self, told: Sequence[Told]) -> None:
        for entry in told:
            if entry.outcome is Outcome.REFUSED:
                self._results.labels("measured", "refused").inc()
                self._refusals.labels(self._reason(entry.reason)).inc()


class CampaignCensus(Collector):
    """Campaigns, pools and coverage, read from the store at every scrape."""

    def __init__(self, registry: CollectorRegistry, log: CampaignLog) -> None:
        self._log = log
        self._last: Sequence[tuple[CampaignKey, Summary]] = ()
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """The families alone: registering reads no store."""
        return _families(())

    def collect(self) -> Iterable[Metric]:
        """What the store says now; while it does not answer, what it said last."""
        try:
            self._last = self._log.summaries()
        except RetryLaterError as error:
            logger.warning("the campaigns cannot be read", extra={"reason": error.message})
        return _families(self._last)


def _families(held: Sequence[tuple[CampaignKey, Summary]]) -> list[Metric]:
    states = Tally(summary.state for _, summary in held)
    active = GaugeMetricFamily(f"{PREFIX}_active", "Campaigns that are not closed, by state.", labels=["state"])
    for state in _OPEN_STATES:
        active.add_metric((state.value,), states[state])
    pool = GaugeMetricFamily(f"{_ONE}_pool_candidates", "Candidates of these campaigns, by state.", labels=["state"])
    for name in _POOL_STATES:
        pool.add_metric((name,), sum(summary.pool.get(name, 0) for _, summary in held))
    pending = GaugeMetricFamily(f"{_ONE}_pending_tickets", "Tickets without a result.")
    pending.add_metric((), sum(summary.n_pending for _, summary in held))
    return [active, pool, pending, *_coverages(held)]


def _coverages(held: Sequence[tuple[CampaignKey, Summary]]) -> list[Metric]:
    labels = ("tenant", "campaign")
    coverage = GaugeMetricFamily(f"{_ONE}_coverage", "Share of results inside of their interval.", labels=labels)
    results = GaugeMetricFamily(f"{_ONE}_coverage_results", "Results that the share is of.", labels=labels)
    told = [
        (key, summary)
        for key, summary in held
        if summary.state is CampaignState.ACTIVE and summary.n_predicted >= MIN_PREDICTED
    ]
    for key, summary in sorted(told, key=lambda entry: -entry[1].n_predicted)[:MAX_CAMPAIGNS]:
        names = (key.tenant, f"{key.tenant}/{key.name}")
        coverage.add_metric(names, summary.n_covered / summary.n_predicted)
        results.add_metric(names, summary.n_predicted)
    return [coverage, results]
