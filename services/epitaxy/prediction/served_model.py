"""The shared model that the settings name, and its review policy."""

from pathlib import Path

from epitaxy.prediction.settings import PredictionSettings
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue, shipped_models
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.review import DEFAULT_POLICY, ReviewPolicy
from epitaxy_models.substrates.material_catalogue import COMPOSITION, MOLECULE, MaterialCatalogue


def model_folder(settings: PredictionSettings) -> Path:
    """Folder of the model: the one that the settings name, or the shipped one."""
    return Path(settings.model_folder) if settings.model_folder else shipped_model()


def model_folders(settings: PredictionSettings) -> tuple[Path, ...]:
    """Folders of all models of crystals, the present one first."""
    named = [Path(name) for name in settings.earlier_model_folders]
    return tuple(dict.fromkeys([model_folder(settings), *named, *shipped_models()]))


def load_model(settings: PredictionSettings) -> ModelArtifact:
    """Loads the model."""
    return load_artifact(model_folder(settings))


def load_catalogue(settings: PredictionSettings) -> SubstrateCatalogue:
    """Loads the model; finds the earlier ones, which are loaded once a tenant's model needs them."""
    folder, *earlier = model_folders(settings)
    return SubstrateCatalogue(load_artifact(folder), earlier)


def load_material_catalogue(settings: PredictionSettings) -> MaterialCatalogue:
    """Substrates of molecules and compositions; their weights are read when they are first asked for.

    Raises CheckpointError for a folder without a readable card, ConfigurationError (WRONG_SUBSTRATE) for one of
    another substrate.
    """
    named = {MOLECULE: settings.molecule_model_folder, COMPOSITION: settings.composition_model_folder}
    folders = {name: Path(folder) for name, folder in named.items() if folder}
    return MaterialCatalogue(folders, [Path(name) for name in settings.earlier_material_folders])


def check_models(settings: PredictionSettings) -> None:
    """Reads the models and the policy that a replica starts with. Raises CheckpointError, ConfigurationError."""
    load_catalogue(settings)
    load_material_catalogue(settings)
    load_policy(settings)


def load_policy(settings: PredictionSettings) -> ReviewPolicy:
    """Reads the policy that the settings name, else the default. Raises ConfigurationError for an unreadable one."""
    if not settings.review_policy_file:
        return DEFAULT_POLICY
    try:
        text = Path(settings.review_policy_file).read_text()
    except OSError as error:
        raise ConfigurationError(
            f"the review policy {settings.review_policy_file} cannot be read: {error.strerror}", reason="INVALID_POLICY"
        ) from error
    return ReviewPolicy.from_text(text)
