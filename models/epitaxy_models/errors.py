"""The root of all errors of this product, and the errors of the science packages.

Each error carries a message for the caller and a stable upper-case ``reason`` that services pass on unchanged.
"""

from typing import ClassVar


class EpitaxyError(Exception):
    """Root of all errors of ours.

    Errors cross process boundaries: pickle rebuilds them from their message and their attributes.

    Args:
        message: One line for the caller: what is wrong and what to do about it.
        reason: Stable upper-case code; by default the class's own.
    """

    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason


class InvalidMaterialError(EpitaxyError):
    """The material cannot be used, whatever its kind; the caller must change it."""

    default_reason = "INVALID_MATERIAL"


class InvalidStructureError(InvalidMaterialError):
    """The structure cannot be used; the caller must change it."""

    default_reason = "INVALID_STRUCTURE"


class UnsupportedElementError(InvalidStructureError):
    """The structure holds an element that the model has never seen."""

    default_reason = "UNSUPPORTED_ELEMENT"


class CheckpointError(EpitaxyError):
    """A checkpoint, card, graph store or cache entry is damaged or of another version."""

    default_reason = "INVALID_CHECKPOINT"


class UnknownPropertyError(EpitaxyError):
    """The model has no head for the property asked for."""

    default_reason = "UNKNOWN_PROPERTY"


class ConfigurationError(EpitaxyError):
    """Settings, a configuration file or a request for work contradicts itself; the message says what to change."""

    default_reason = "INVALID_CONFIGURATION"
