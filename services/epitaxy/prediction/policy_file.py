"""The shared model's review policy, from the file that the settings name."""

from pathlib import Path

from epitaxy.prediction.settings import PredictionSettings
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.review import DEFAULT_POLICY, ReviewPolicy


def policy_of(settings: PredictionSettings) -> ReviewPolicy:
    """The policy of the settings' file, or the default one. Raises ConfigurationError where it cannot be read."""
    if not settings.review_policy_file:
        return DEFAULT_POLICY
    try:
        text = Path(settings.review_policy_file).read_text()
    except OSError as error:
        raise ConfigurationError(
            "INVALID_POLICY", f"the review policy {settings.review_policy_file} cannot be read: {error.strerror}"
        ) from error
    return ReviewPolicy.from_text(text)
