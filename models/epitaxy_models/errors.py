"""Errors of the science packages.

Each error carries a stable upper-case ``reason`` that services pass on to callers unchanged.
"""


class EpitaxyModelsError(Exception):
    """Root of every error raised by ``epitaxy_models``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type["EpitaxyModelsError"], tuple[str, str]]:
        """Errors cross process boundaries, which rebuilds them from their arguments."""
        return type(self), (self.reason, self.message)


class InvalidStructureError(EpitaxyModelsError):
    """The structure cannot be used; the caller must change it."""


class UnsupportedElementError(InvalidStructureError):
    """The structure holds an element that the model has never seen."""


class CheckpointError(EpitaxyModelsError):
    """A checkpoint, card, graph store or cache entry is damaged or of another version."""


class UnknownPropertyError(EpitaxyModelsError):
    """The model has no head for the property asked for."""


class ConfigurationError(EpitaxyModelsError):
    """A training or data configuration contradicts itself."""
