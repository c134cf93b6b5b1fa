"""Composition root of ``epitaxy pretrain``."""

from pathlib import Path

from epitaxy.pretraining.config import PretrainConfig, read_config
from epitaxy.pretraining.domain import PretrainOutcome, PretrainRun
from epitaxy.pretraining.mlflow_tracking import MlflowTracking, NoTracking
from epitaxy.pretraining.ports import Display, Tracking
from epitaxy.pretraining.publishing import check_publishable, publish_run
from epitaxy.pretraining.ray_trainer import RayTrainer
from epitaxy.pretraining.service import Pretraining
from epitaxy_models.ensembles.card import ModelCard


def pretrain_command(
    file: Path, display: Display, publish: Path | None = None
) -> tuple[PretrainRun, PretrainOutcome, ModelCard | None]:
    """Pretrains as a configuration file says, or resumes where the last call ended; then publishes if asked to.

    Returns:
        The run, how it ended, and the card of the substrate that was published.
    """
    config = read_config(file)
    if publish is not None:
        check_publishable(config)
    run = run_of(config)
    pretraining = Pretraining(RayTrainer(config.ray_address), _tracking(config), display)
    outcome = pretraining(run, config.featurize_processes)
    return run, outcome, publish_run(config, run, publish) if publish is not None else None


def run_of(config: PretrainConfig) -> PretrainRun:
    """The run that a configuration describes."""
    scaling = config.scaling
    return PretrainRun(
        name=config.name,
        data=config.data,
        work=config.work,
        training=config.training_config(),
        workers=scaling.workers,
        use_gpu=scaling.use_gpu,
        cpus_per_worker=scaling.cpus_per_worker,
        threads=scaling.threads,
        placement_strategy=scaling.placement_strategy,
        half_precision=scaling.precision == "bf16",
        patience=config.patience,
        max_restarts=config.max_restarts,
    )


def _tracking(config: PretrainConfig) -> Tracking:
    if not config.tracking.enabled:
        return NoTracking()
    if config.tracking.uri:
        return MlflowTracking(config.tracking.uri, config.tracking.experiment)
    database = f"sqlite:///{config.work / 'mlflow.db'}"
    return MlflowTracking(database, config.tracking.experiment, config.work / "mlartifacts")
