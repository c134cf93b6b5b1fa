"""The shared model that the settings name."""

from pathlib import Path

from epitaxy.prediction.settings import PredictionSettings
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model


def model_folder(settings: PredictionSettings) -> Path:
    """Where it lies: the folder that the settings name, or that of the one that is shipped."""
    return Path(settings.model_folder) if settings.model_folder else shipped_model()


def model_of(settings: PredictionSettings) -> ModelArtifact:
    """The model, loaded."""
    return load_artifact(model_folder(settings))
