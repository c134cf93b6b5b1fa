"""Prometheus metrics of searches."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_SHARES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
_OUTCOMES = ("finished", "cancelled", "failed")


class SearchMetrics:
    """Counts searches; implements the SearchObserver port."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self._searches = Counter(f"{prefix}_searches", "Searches by how they ended.", ["outcome"], registry=registry)
        self._candidates = Counter(
            f"{prefix}_search_candidates", "Candidates of searches that students scored.", registry=registry
        )
        self._dropped = Counter(
            f"{prefix}_search_dropped", "Candidates of finished searches that were never evaluated.", registry=registry
        )
        self._shares = Histogram(
            f"{prefix}_search_evaluated_ratio",
            "Share of the candidates that finished searches evaluated.",
            buckets=_SHARES,
            registry=registry,
        )
        self._audited = Counter(
            f"{prefix}_search_audited",
            "Finished searches that dropped candidates, by whether their estimated recall is below the promise.",
            ["is_below"],
            registry=registry,
        )
        self._recalls = Counter(
            f"{prefix}_search_recall_estimates",
            "Sum of the estimated recalls of those searches; over their number it is the mean.",
            registry=registry,
        )
        for outcome in _OUTCOMES:  # a series that begins with its first fault hides it from every rate
            self._searches.labels(outcome)
        for is_below in ("true", "false"):
            self._audited.labels(is_below)

    def candidates_in(self, count: int) -> None:
        """Counts candidates that were scored."""
        self._candidates.inc(count)

    def search_ended(self, outcome: str, finished_share: float, n_dropped: int) -> None:
        """Counts a search that ended."""
        self._searches.labels(outcome).inc()
        if outcome == "finished":
            self._shares.observe(finished_share)
            self._dropped.inc(n_dropped)

    def audited(self, recall: float, target: float) -> None:
        """Counts the estimated recall of a finished search."""
        self._audited.labels("true" if recall < target else "false").inc()
        self._recalls.inc(recall)
