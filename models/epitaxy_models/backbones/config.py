"""Shape of a stacked backbone."""

from dataclasses import dataclass

from epitaxy_models.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class BackboneConfig:
    """Everything that decides the shapes of a backbone's weights.

    Attributes:
        n_members: Networks stacked into one.
        width: Channels of a node state.
        n_layers: Message-passing layers.
        n_radial: Gaussian radial functions between 0 and ``radius_max``.
        n_grid: Points at which the distance filter is tabulated.
        radius_max: Largest edge length, Angstrom; that of the graph rule.
    """

    n_members: int = 5
    width: int = 96
    n_layers: int = 4
    n_radial: int = 32
    n_grid: int = 256
    radius_max: float = 8.0

    def __post_init__(self) -> None:
        sizes = (self.n_members, self.width, self.n_layers, self.n_radial)
        if min(sizes) < 1 or self.n_grid < 2 or self.radius_max <= 0:
            raise ConfigurationError("INVALID_BACKBONE", f"sizes must be positive, got {self}")

    @property
    def embedding_width(self) -> int:
        """Channels of one member's structure embedding: a mean a layer, and the maximum of the last."""
        return self.width * (self.n_layers + 1)
