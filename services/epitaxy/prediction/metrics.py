"""Metrics of replicas through Ray's own exporter, which every node serves to Prometheus."""

from ray.util.metrics import Counter, Histogram

from epitaxy.chassis.metrics import BoundedLabel
from epitaxy.prediction.ports import CacheTier, Stage
from epitaxy.prediction.serve.kept_gauge import KeptGauge
from epitaxy_models.materials import MaterialKind

_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
_LONG_SECONDS = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0]
_BY_SUBSTRATE = ("substrate",)
_SHARES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 2.0, 10.0]


class StageClock:
    """One histogram of stages for all replicas; a block, a request or a batch is one observation."""

    def __init__(self, substrate: str) -> None:
        """``substrate`` is its ``NAME:VERSION``, which tells the kinds of materials apart."""
        self._substrate = {"substrate": substrate}
        self._stages = Histogram(
            "epitaxy_prediction_stage_seconds", "Time in one stage, seconds.", _SECONDS, ("stage", "substrate")
        )

    def observe_stage(self, stage: Stage, seconds: float) -> None:
        """Observes one stage."""
        self._stages.observe(seconds, self._substrate | {"stage": stage.value})


class RayPredictionMetrics(StageClock):
    """Counts of structures and cache lookups by substrate, seconds by stage."""

    def __init__(self, substrate: str) -> None:
        """``substrate`` is the ``NAME:VERSION`` whose embeddings are read."""
        super().__init__(substrate)
        self._outcomes = Counter(
            "epitaxy_prediction_structures_total",
            "Structures by outcome and reason, and by the substrate under the model.",
            ("outcome", "reason", "substrate"),
        )
        self._cache = Counter("epitaxy_prediction_cache_lookups_total", "Cache lookups by tier.", ("tier", "substrate"))
        self._cache_up = KeptGauge(
            "epitaxy_prediction_shared_cache_up",
            "1 where the shared cache answered when last asked, else 0.",
            (),
        )
        self._kinds = Counter(
            "epitaxy_prediction_materials_total",
            "Materials by kind, crystals among them, and by outcome.",
            ("kind", "outcome", "substrate"),
        )
        self._queued = KeptGauge(
            "epitaxy_prediction_queued_materials", "Molecules, polymers or compositions that wait.", _BY_SUBSTRATE
        )
        self._capacity = KeptGauge(
            "epitaxy_prediction_queue_capacity_materials", "Waiting materials at which calls are shed.", _BY_SUBSTRATE
        )
        self._reason = BoundedLabel(32)

    def count_outcome(self, outcome: str, reason: str, number: int = 1) -> None:
        """Counts structures that ended with this outcome."""
        self._outcomes.inc(
            number, self._substrate | {"outcome": outcome, "reason": self._reason(reason) if reason else "NONE"}
        )

    def count_cache(self, tier: CacheTier, number: int) -> None:
        """Counts lookups that ended in this tier."""
        if number:
            self._cache.inc(number, self._substrate | {"tier": tier.value})

    def count_kind(self, kind: MaterialKind, outcome: str, number: int = 1) -> None:
        """Counts materials of a kind that ended with this outcome."""
        self._kinds.inc(number, self._substrate | {"kind": kind.value, "outcome": outcome})

    def set_queued_materials(self, waiting: int, capacity: int) -> None:
        """Sets how many materials wait."""
        self._queued.set(waiting, self._substrate)
        self._capacity.set(capacity, self._substrate)

    def set_shared_cache(self, is_up: bool) -> None:
        """Sets whether Redis answered."""
        self._cache_up.set(float(is_up))


class RayBatchMetrics(StageClock):
    """Batches of one copy of one substrate's networks against their budget."""

    def __init__(self, substrate: str, max_batch_edges: int, max_queued_edges: int) -> None:
        """``substrate`` is its ``NAME:VERSION``."""
        super().__init__(substrate)
        self._budget = max_batch_edges
        self._fill = Histogram(
            "epitaxy_prediction_batch_fill_ratio", "Edges of a batch over the edge budget.", _SHARES, _BY_SUBSTRATE
        )
        self._edges = Counter(
            "epitaxy_prediction_batch_edges_total", "Edges that went through the ensemble.", _BY_SUBSTRATE
        )
        self._queued = KeptGauge("epitaxy_prediction_queued_edges", "Edges that wait for the ensemble.", _BY_SUBSTRATE)
        self._splits = Counter(
            "epitaxy_prediction_batch_splits_total", "Batches that failed as a whole and were halved.", _BY_SUBSTRATE
        )
        self._capacity = KeptGauge(
            "epitaxy_prediction_queue_capacity_edges", "Edges at which the queue sheds what comes.", _BY_SUBSTRATE
        )
        self._max_queued = max_queued_edges

    def observe_batch(self, edges: int, seconds: float) -> None:
        """Observes one forward pass."""
        self._fill.observe(edges / self._budget, self._substrate)
        self._edges.inc(edges, self._substrate)
        self.observe_stage(Stage.FORWARD, seconds)

    def observe_wait(self, seconds: float) -> None:
        """Observes how long a request waited until its first graph was taken from the queue."""
        self.observe_stage(Stage.QUEUE, seconds)

    def count_split(self) -> None:
        """Counts a batch that was halved."""
        self._splits.inc(1, self._substrate)

    def set_queue(self, edges: int) -> None:
        """Sets the number of edges that wait."""
        self._queued.set(edges, self._substrate)
        self._capacity.set(self._max_queued, self._substrate)


class RayExplanationMetrics:
    """Explanations of one explainer replica."""

    def __init__(self) -> None:
        self._outcomes = Counter(
            "epitaxy_prediction_explanations_total", "Explanations by how they and their own test ended.", ("outcome",)
        )
        self._seconds = Histogram(
            "epitaxy_prediction_explanation_seconds", "Time of one explanation, seconds.", _LONG_SECONDS, ()
        )

    def observe_explanation(self, outcome: str, seconds: float) -> None:
        """Observes one explanation."""
        self._outcomes.inc(1, {"outcome": outcome})
        self._seconds.observe(seconds)


class RayStartMetrics:
    """Starts of explainers that first calls waited for, as one intake replica sees them."""

    def __init__(self) -> None:
        self._seconds = Histogram(
            "epitaxy_prediction_explainer_start_seconds",
            "Time that a first call for an explanation waited for an explainer, seconds.",
            _LONG_SECONDS,
            (),
        )
        self._too_short = Counter(
            "epitaxy_prediction_explanations_before_start_total",
            "Calls for explanations that were refused because their deadline was too short for a start.",
            (),
        )

    def observe_start(self, seconds: float) -> None:
        """Observes one start."""
        self._seconds.observe(seconds)

    def count_too_short(self) -> None:
        """Counts one call."""
        self._too_short.inc(1)


class RayTenantMetrics:
    """Tenants' models in one replica."""

    def __init__(self) -> None:
        self._not_loaded = Counter(
            "epitaxy_prediction_champions_not_loaded_total",
            "Tries to load a champion that failed, with the version before it serving on.",
            ("reason",),
        )
        self._reason = BoundedLabel(16)

    def count_not_loaded(self, reason: str) -> None:
        """Counts one."""
        self._not_loaded.inc(1, {"reason": self._reason(reason)})
