"""What an explanation of a material without a crystal says; plain values."""

from dataclasses import dataclass

from epitaxy_models.explanation.explanation import NearestMaterial, Spread
from epitaxy_models.explanation.faithfulness import Faithfulness
from epitaxy_models.materials.kind import MaterialKind


@dataclass(frozen=True, slots=True)
class AtomShare:
    """What one atom adds because it is not a carbon atom.

    Attributes:
        symbol: Chemical symbol.
        unit: Number of the repeat unit that it is in, from 0; 0 in a molecule.
        index: Its place among the atoms of that unit's canonical SMILES, open ends not counted.
        spread: The share.
    """

    symbol: str
    unit: int
    index: int
    spread: Spread


@dataclass(frozen=True, slots=True)
class BondShare:
    """What one bond adds because it is not a single bond.

    Attributes:
        unit: Number of the repeat unit.
        first: Place of one of its atoms, as ``AtomShare.index``.
        second: Place of the other.
        order: 1, 2 or 3; 1.5 if it is aromatic.
        spread: The share.
    """

    unit: int
    first: int
    second: int
    order: float
    spread: Spread


@dataclass(frozen=True, slots=True)
class ElementShare:
    """What one element adds: its atoms together, or its share of a composition.

    Attributes:
        atomic_number: The element.
        n_atoms: Its atoms in the molecule or the repeat units; 0 in a composition.
        fraction: Its share of the atoms of a composition; 0 otherwise.
        spread: The share.
    """

    atomic_number: int
    n_atoms: int
    fraction: float
    spread: Spread


@dataclass(frozen=True, slots=True)
class ConditionShare:
    """What one condition adds because it is stated.

    Attributes:
        name: Name of the condition.
        text: The value in words: ``"473.15"``, ``"aged"``.
        unit: Unit of a number.
        spread: The share.
    """

    name: str
    text: str
    unit: str
    spread: Spread


@dataclass(frozen=True, slots=True)
class MaterialExplanation:
    """Why a model predicts what it does of one material; values in the property's unit.

    Atoms, bonds and conditions of a molecule or polymer, or elements and conditions of a composition, add up to
    ``value - baseline``.

    Attributes:
        kind: What the material is.
        formula: As a person writes it.
        value: What the model says, as ``predict`` says it.
        baseline: What it says of the material that all parts are compared with.
        baseline_material: That material.
        baseline_words: How it was made, in words.
        method: How the shares were computed, in words.
        completeness_error: Sum of the shares minus ``value - baseline``.
        sampling_error: Largest standard error of a share; 0 if they are exact.
        atoms: One an atom other than hydrogen; empty for a composition.
        bonds: One a bond between them.
        elements: The largest first; of a molecule they sum up its atoms.
        conditions: In the model's order, those that are stated.
        faithfulness: Whether the shares pass their test.
        nearest: Similar materials of the pretraining data, nearest first; empty where the substrate has no list.
        drawing: The molecule or the repeat units as SVG, coloured by shares; empty for a composition.
    """

    kind: MaterialKind
    formula: str
    value: float
    baseline: float
    baseline_material: str
    baseline_words: str
    method: str
    completeness_error: float
    sampling_error: float
    atoms: tuple[AtomShare, ...]
    bonds: tuple[BondShare, ...]
    elements: tuple[ElementShare, ...]
    conditions: tuple[ConditionShare, ...]
    faithfulness: Faithfulness
    nearest: tuple[NearestMaterial, ...] = ()
    drawing: str = ""
