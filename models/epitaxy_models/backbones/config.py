"""Shape of a stacked backbone."""

from dataclasses import dataclass

from epitaxy_models.errors import ConfigurationError

# Atomic numbers index rows directly; row 0 stays unused.
N_ELEMENTS = 119
# About one over the summed edge weights of an atom, so that messages start near unit size.
MESSAGE_SCALE = 0.2
# Added to the mean square of a state before its root is taken: keeps a state of zeros finite.
NORM_EPSILON = 1e-6


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
            raise ConfigurationError(f"sizes must be positive, got {self}", reason="INVALID_BACKBONE")

    @property
    def embedding_width(self) -> int:
        """Channels of one member's structure embedding: a mean a layer, and the maximum of the last."""
        return self.width * (self.n_layers + 1)
