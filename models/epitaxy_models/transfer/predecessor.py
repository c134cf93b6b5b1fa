"""The version of a model that a refit may replace."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from epitaxy_models.ensembles.artifact import ModelArtifact


@dataclass(frozen=True, slots=True, eq=False)
class Predecessor:
    """The version that a refit may replace.

    Attributes:
        version: Its number.
        base: ``NAME:VERSION`` of the substrate that it was fitted on.
        strategy: What serves.
        shares: Strategies in it with their weights; one entry unless it is a stack.
        substrate: That substrate; None if it is not at hand, so that nothing can be compared.
    """

    version: str
    base: str
    strategy: str
    shares: Mapping[str, float] = field(default_factory=dict)
    substrate: ModelArtifact | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Strategies to fit."""
        return tuple(self.shares) or (self.strategy,)
