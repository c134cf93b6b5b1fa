"""Shape of a stacked backbone."""

from dataclasses import dataclass
from enum import StrEnum

from epitaxy_models.errors import ConfigurationError

# Atomic numbers index rows directly; row 0 stays unused.
N_ELEMENTS = 119
# About one over the summed edge weights of an atom, so that messages start near unit size.
MESSAGE_SCALE = 0.2
# Added to the mean square of a state before its root is taken: keeps a state of zeros finite.
NORM_EPSILON = 1e-6


class EdgeFilter(StrEnum):
    """What the filter of a message depends on.

    ``DISTANCE`` is a smooth function of a length. ``KIND`` has one filter for each kind of edge, such as a double bond;
    an edge's length is then the number of its kind.
    """

    DISTANCE = "distance"
    KIND = "kind"


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
        n_species: Kinds of nodes: elements, or atoms in their bonding states.
        edge_filter: What the filter of a message depends on.
    """

    n_members: int = 5
    width: int = 96
    n_layers: int = 4
    n_radial: int = 32
    n_grid: int = 256
    radius_max: float = 8.0
    n_species: int = N_ELEMENTS
    edge_filter: EdgeFilter = EdgeFilter.DISTANCE

    def __post_init__(self) -> None:
        # A card has its name.
        object.__setattr__(self, "edge_filter", EdgeFilter(self.edge_filter))
        sizes = (self.n_members, self.width, self.n_layers, self.n_radial, self.n_species)
        if min(sizes) < 1 or self.n_grid < 2 or self.radius_max <= 0:
            raise ConfigurationError(f"sizes must be positive, got {self}", reason="INVALID_BACKBONE")
        if self.edge_filter is EdgeFilter.KIND and not self.n_radial == self.n_grid == self.radius_max + 1:
            raise ConfigurationError(
                f"a filter a kind of edge has one grid point a kind and one after them, got {self}",
                reason="INVALID_BACKBONE",
            )

    @classmethod
    def of_kinds(cls, n_members: int, width: int, n_layers: int, *, n_species: int, n_edges: int) -> "BackboneConfig":
        """Shape for graphs whose edges have one of ``n_edges`` kinds."""
        # The last grid point is never read: a kind's position has itself below and the next one above.
        n_grid = n_edges + 1
        return cls(n_members, width, n_layers, n_grid, n_grid, float(n_edges), n_species, EdgeFilter.KIND)

    @property
    def embedding_width(self) -> int:
        """Channels of one member's structure embedding: a mean a layer, and the maximum of the last."""
        return self.width * (self.n_layers + 1)
