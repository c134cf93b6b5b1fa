"""Composition of the prediction application."""

from pathlib import Path
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.config import RequestRouterConfig
from ray.serve.schema import LoggingConfig

from epitaxy.chassis.gateway_trust import read_secret
from epitaxy.prediction.explaining.replica import ExplainerReplica
from epitaxy.prediction.replicas import EnsembleReplica, IntakeReplica
from epitaxy.prediction.serve.routing import LeastWorkRouter
from epitaxy.prediction.served_model import check_models
from epitaxy.prediction.settings import PredictionSettings

# Calls are idempotent and the gateway sends a lost one again: a long drain gains nothing.
_DRAIN_SECONDS = 2
# The wrapper of every handler logs one line per call itself.
_LOGGING = LoggingConfig(encoding="JSON", enable_access_log=False)
_OF_ALL: dict[str, Any] = {"graceful_shutdown_timeout_s": _DRAIN_SECONDS, "logging_config": _LOGGING}


def build_application(arguments: dict[str, Any] | None = None) -> Application:
    """The Serve application for these settings; a wrong or unknown one raises a validation error here.

    What replicas read at their start is read here, too: Serve leaves a running application as it is if its new one
    cannot be built, and stops replicas before new ones have started if it can.
    """
    settings = PredictionSettings(**(arguments or {}))
    check_models(settings)
    read_secret(Path(settings.gateway_secret_file) if settings.gateway_secret_file else None)
    plain = settings.model_dump()
    intake = serve.deployment(
        IntakeReplica,
        name="intake",
        num_replicas=settings.intake_replicas,
        # Messages wait in the replica, where tenants take turns, and not in Serve's proxy, where they do not.
        max_ongoing_requests=128,
        request_router_config=RequestRouterConfig(request_router_class=LeastWorkRouter),
        **_OF_ALL,
        ray_actor_options={"num_cpus": settings.replica_cpus},
    )
    ensemble = _ensemble(settings).bind(plain) if settings.ensemble_replicas else None
    application: Application = intake.bind(plain, ensemble, _explainer(settings).bind(plain))
    return application


def _ensemble(settings: PredictionSettings) -> Any:
    return serve.deployment(
        EnsembleReplica,
        name="ensemble",
        num_replicas=settings.ensemble_replicas,
        max_ongoing_requests=64,
        **_OF_ALL,
        ray_actor_options={"num_cpus": settings.replica_cpus, "num_gpus": settings.ensemble_gpus},
    )


def _explainer(settings: PredictionSettings) -> Any:
    """Explainers: no process before the first call, then processes that yield to all others.

    A thread of an intake or ensemble replica would hold the interpreter lock that screens need.
    """
    return serve.deployment(
        ExplainerReplica,
        name="explainer",
        autoscaling_config={
            "min_replicas": 0,
            "initial_replicas": 0,
            "max_replicas": settings.explainer_replicas,
            "target_ongoing_requests": 1,
            "upscale_delay_s": 0,
            "downscale_delay_s": settings.explainer_idle_seconds,
        },
        max_ongoing_requests=1,
        max_queued_requests=settings.explainer_queue,
        **_OF_ALL,
        ray_actor_options={"num_cpus": 0},
    )
