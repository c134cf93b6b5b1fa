"""What the parts of a molecule or polymer and stated conditions contribute: frozen values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AtomContribution:
    """What a prediction gains because one atom of a molecule or repeat unit is not carbon.

    Attributes:
        element: Chemical symbol.
        unit: Number of the repeat unit, from 0; 0 in a molecule.
        index: Place among the atoms of that unit's SMILES, from 0; open ends are not counted.
        value: The contribution, in the property's unit.
        std: Standard deviation over the members of the ensemble, in the property's unit.
    """

    element: str
    unit: int
    index: int
    value: float
    std: float


@dataclass(frozen=True, slots=True)
class BondContribution:
    """What a prediction gains because one bond is no single bond.

    Attributes:
        unit: Number of the repeat unit, from 0; 0 in a molecule.
        first_index: ``AtomContribution.index`` of one of its atoms.
        second_index: The same of the other.
        order: 1, 2, 3, or 1.5 of an aromatic bond.
        value: The contribution, in the property's unit.
        std: Standard deviation over the members of the ensemble, in the property's unit.
    """

    unit: int
    first_index: int
    second_index: int
    order: float
    value: float
    std: float


@dataclass(frozen=True, slots=True)
class ConditionContribution:
    """What a prediction gains because one condition is stated.

    Attributes:
        name: Name of the condition.
        text: The stated value, in the model's own unit.
        unit: The model's unit; empty of a category.
        value: The contribution, in the property's unit.
        std: Standard deviation over the members of the ensemble, in the property's unit.
    """

    name: str
    text: str
    unit: str
    value: float
    std: float

    @property
    def label(self) -> str:
        """Name and value: ``"temperature 900 K"``."""
        return f"{self.name} {self.text}{f' {self.unit}' if self.unit else ''}"
