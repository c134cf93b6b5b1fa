"""What the client returns of explanations: frozen values. ``render`` draws them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from epitaxy.client.explanations.parts import AtomContribution, BondContribution, ConditionContribution
from epitaxy.client.results import ItemError

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class SiteContribution:
    """What one atom contributes, half of each pair with its neighbours included.

    Attributes:
        element: Chemical symbol.
        value: The contribution, in the property's unit.
        std: Standard deviation over the members of the ensemble, in the property's unit.
        position: Fractional coordinates.
    """

    element: str
    value: float
    std: float
    position: Vector


@dataclass(frozen=True, slots=True)
class ElementContribution:
    """Sum of the contributions of all sites of an element.

    Of a molecule or polymer it is the sum over its atoms, of a composition the contribution of its share.

    Attributes:
        element: Chemical symbol.
        n_sites: Sites of the element in the cell, or its atoms in the molecule or repeat units; 0 in a composition.
        value: The sum, in the property's unit.
        std: Standard deviation over the members of the ensemble, in the property's unit.
        fraction: Its share of the atoms of a composition; 0 otherwise.
    """

    element: str
    n_sites: int
    value: float
    std: float
    fraction: float = 0.0

    @property
    def label(self) -> str:
        """Element and amount: ``"O (3)"``, ``"Fe 40%"``."""
        return f"{self.element} {100 * self.fraction:.3g}%" if self.fraction else f"{self.element} ({self.n_sites})"


@dataclass(frozen=True, slots=True)
class ShellContribution:
    """What pairs of neighbours of two elements at one distance contribute; it is part of what their sites contribute.

    Attributes:
        first: Chemical symbol of the lighter element.
        second: Chemical symbol of the heavier element.
        distance_angstrom: Mean distance of the pairs, Angstrom.
        coordination: Mean number of such neighbours that a site of the first element has.
        value: The contribution, in the property's unit.
        std: Standard deviation over the members of the ensemble, in the property's unit.
    """

    first: str
    second: str
    distance_angstrom: float
    coordination: float
    value: float
    std: float

    @property
    def label(self) -> str:
        """Elements and distance: ``"O–Ti 1.95 Å"``."""
        return f"{self.first}–{self.second} {self.distance_angstrom:.2f} Å"


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Whether the parts with large contributions do matter to the prediction; see ``docs/explanations.md``.

    Attributes:
        is_faithful: If False, do not rely on the contributions.
        reason: Why the explanation is not faithful; empty if it is.
        beats_random: Share of random orders that the order of the contributions beats.
        deletion: Mean share of the prediction's change after taking parts away, the largest contribution first.
        insertion: Mean share of the prediction's change after putting parts back, the largest contribution first.
        random_deletion: As ``deletion``, in random orders.
        random_insertion: As ``insertion``, in random orders.
        n_parts: Parts that were ranked.
        n_random_orders: Random orders that were tried; 0 if nothing was tested.
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
        id: Id in the source: ``"mp-149"``.
        formula: Reduced formula.
        space_group: Number of the space group; 0 if it is not known.
        distance: Distance in the space of embeddings; typical crystals lie some units from their nearest.
        labels: Known values by property, in its unit.
    """

    id: str
    formula: str
    space_group: int
    distance: float
    labels: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ExplanationResult:
    """Why the model predicts what it does for one structure or material, or the error that took its place.

    Contributions are in ``unit`` and add up to ``value - baseline``: those of the sites of a crystal; of atoms, bonds
    and conditions of a molecule or polymer; of elements and conditions of a composition.

    Attributes:
        id: The row's own id, or the file's name.
        index: Position of the structure in the input, from 0.
        formula: Reduced formula; empty if the structure was refused.
        property_name: Name of the property.
        unit: Unit of the property.
        level_of_theory: The level of theory in full, with its vintage.
        value: The prediction.
        baseline: The prediction for the same places filled with atoms of no element in particular; of materials without
            a crystal, the one for ``baseline_material``.
        completeness_error: Sum of the contributions minus ``value - baseline``.
        sites: Contributions of the sites, in the structure's order.
        elements: Contributions by element, the largest first.
        shells: Contributions by shell of neighbours, the largest first.
        faithfulness: The verdict of the explanation's own test.
        nearest: Known materials, the nearest first.
        lattice: Row vectors of the structure's lattice, Angstrom.
        model: Name of the model.
        model_version: Version of the model.
        model_digest: ``"sha256:..."`` of the weights and the card that answered.
        error: None if there is an explanation.
        kind: ``"structure"``, ``"composition"``, ``"molecule"`` or ``"polymer"``.
        method: How the contributions of a material without a crystal were computed.
        baseline_material: What ``baseline`` is a prediction for: a hydrocarbon, or an average composition.
        baseline_description: How that material was made.
        sampling_error: Largest standard error that random orders leave in a contribution; 0 if they are exact.
        atoms: Contributions of the atoms of a molecule or repeat units, in the order of ``formula``.
        bonds: Contributions of the bonds between them.
        conditions: Contributions of the stated conditions.
        drawing: The molecule or repeat units as SVG, coloured by contributions; empty of other materials.
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
    kind: str = "structure"
    method: str = ""
    baseline_material: str = ""
    baseline_description: str = ""
    sampling_error: float = 0.0
    atoms: tuple[AtomContribution, ...] = ()
    bonds: tuple[BondContribution, ...] = ()
    conditions: tuple[ConditionContribution, ...] = ()
    drawing: str = field(default="", repr=False)

    @property
    def is_crystal(self) -> bool:
        """True for a crystal structure."""
        return self.kind == "structure"

    @property
    def bond_total(self) -> float:
        """Sum over the bonds, in ``unit``."""
        return sum(bond.value for bond in self.bonds)

    @property
    def is_faithful(self) -> bool:
        """True if the contributions passed their test."""
        return self.faithfulness is not None and self.faithfulness.is_faithful

    def in_words(self) -> str:
        """The explanation in a sentence."""
        if self.error is not None:
            return f"{self.id}: {self.error.reason}: {self.error.message}"
        parts = ", ".join(f"{entry.element} {entry.value:+.3g}" for entry in self.elements)
        if not self.is_crystal:
            bonds = [f"multiple bonds {self.bond_total:+.3g}"] if self.bonds else []
            told = ", ".join([parts, *bonds, *(f"{entry.label} {entry.value:+.3g}" for entry in self.conditions)])
            return (
                f"{self.formula}: {self.property_name} {self.value:.4g} {self.unit} = {self.baseline:.4g} "
                f"({self.baseline_material}) and {told}"
            )
        return (
            f"{self.formula}: {self.property_name} {self.value:.4g} {self.unit} = {self.baseline:.4g} (places without "
            f"elements) and {parts}"
        )
