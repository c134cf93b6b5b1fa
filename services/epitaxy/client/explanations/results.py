"""What the client returns of explanations: frozen values. ``render`` draws them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from epitaxy.client.results import ItemError

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class SiteContribution:
    """What one atom contributes, neighbours included (half of each pair), in the property's unit.

    Attributes:
        element: Chemical symbol.
        std: Standard deviation over the members of the ensemble.
        position: Fractional coordinates.
    """

    element: str
    value: float
    std: float
    position: Vector


@dataclass(frozen=True, slots=True)
class ElementContribution:
    """Sum over the sites of an element."""

    element: str
    n_sites: int
    value: float
    std: float


@dataclass(frozen=True, slots=True)
class ShellContribution:
    """Pairs of neighbours by elements and distance; they are part of what their sites contribute.

    Attributes:
        first: The lighter element.
        second: The heavier one.
        distance_angstrom: Mean over the pairs.
        coordination: Neighbours of this shell, a site of the first element.
    """

    first: str
    second: str
    distance_angstrom: float
    coordination: float
    value: float
    std: float

    @property
    def label(self) -> str:
        """``"O–Ti 1.95 Å"``."""
        return f"{self.first}–{self.second} {self.distance_angstrom:.2f} Å"


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Whether the parts that are said to matter do; see ``docs/explanations.md``.

    Attributes:
        is_faithful: False: do not rely on the contributions.
        reason: Why not; empty where it is.
        beats_random: Share of random orders that the order of the contributions beats.
        deletion: Mean share of the change that taking parts away in that order makes; so ``insertion``.
        random_deletion: The same in random orders; so ``random_insertion``.
        n_parts: Parts that were ranked.
        n_random_orders: 0: not tested.
    """

    is_faithful: bool
    reason: str
    beats_random: float
    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float
    n_parts: int
    n_random_orders: int

    def in_words(self) -> str:
        """The verdict in one line."""
        if self.is_faithful:
            return (
                f"Faithful: taking parts away in this order changes the prediction faster than {self.beats_random:.0%} "
                f"of {self.n_random_orders} random orders do"
            )
        return f"{'Not faithful' if self.n_random_orders else 'Not tested'}, do not rely on it: {self.reason}"


@dataclass(frozen=True, slots=True)
class NearestMaterial:
    """A material of the training data that the model sees as similar.

    Attributes:
        id: Of the source, ``"mp-149"``.
        space_group: 0 where it is not known.
        distance: In the embedding; typical crystals lie some units from their nearest.
        labels: Known values by property, in its unit.
    """

    id: str
    formula: str
    space_group: int
    distance: float
    labels: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ExplanationResult:
    """Why the model predicts what it does of one structure, or the error that took its place.

    Contributions are in ``unit``; those of the sites add up to ``value - baseline``. In a notebook it shows itself.

    Attributes:
        id: The row's own id or the file's name.
        index: Position of the structure in the input, from 0.
        baseline: What the ensemble says of the same places, filled with atoms of no element in particular.
        completeness_error: Sum of the contributions minus ``value - baseline``.
        sites: In the structure's order.
        elements: The largest first; so ``shells``.
        nearest: Known materials, the nearest first.
        lattice: Row vectors of the structure, Angstrom.
        error: None where there is an explanation.
    """

    id: str
    index: int
    formula: str = ""
    property_name: str = ""
    unit: str = ""
    level_of_theory: str = ""
    value: float = 0.0
    baseline: float = 0.0
    completeness_error: float = 0.0
    sites: tuple[SiteContribution, ...] = ()
    elements: tuple[ElementContribution, ...] = ()
    shells: tuple[ShellContribution, ...] = ()
    faithfulness: Faithfulness | None = None
    nearest: tuple[NearestMaterial, ...] = ()
    lattice: tuple[Vector, ...] = field(default=(), repr=False)
    model: str = ""
    model_version: str = ""
    model_digest: str = ""
    error: ItemError | None = None

    @property
    def is_faithful(self) -> bool:
        """Whether the contributions passed their test."""
        return self.faithfulness is not None and self.faithfulness.is_faithful

    def in_words(self) -> str:
        """The explanation in a sentence."""
        if self.error is not None:
            return f"{self.id}: {self.error.reason}: {self.error.message}"
        parts = ", ".join(f"{entry.element} {entry.value:+.3g}" for entry in self.elements)
        return (
            f"{self.formula}: {self.property_name} {self.value:.4g} {self.unit} = {self.baseline:.4g} (places without "
            f"elements) and {parts}"
        )
