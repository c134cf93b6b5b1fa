"""What an explanation says; plain values that need neither torch nor an index to be read."""

from dataclasses import dataclass

from epitaxy_models.explanation.anatomy import Shell
from epitaxy_models.explanation.faithfulness import Faithfulness


@dataclass(frozen=True, slots=True)
class Spread:
    """One contribution, in the property's unit.

    Attributes:
        value: Mean over the members of the ensemble.
        std: Standard deviation of the members.
    """

    value: float
    std: float


@dataclass(frozen=True, slots=True)
class SiteContribution:
    """What one atom contributes: itself, and half of each pair of neighbours that it is in."""

    atomic_number: int
    spread: Spread


@dataclass(frozen=True, slots=True)
class ElementContribution:
    """What the atoms of one element contribute together."""

    atomic_number: int
    n_sites: int
    spread: Spread


@dataclass(frozen=True, slots=True)
class ShellContribution:
    """What the neighbours of one shell contribute; it is part of what their sites do."""

    shell: Shell
    spread: Spread


@dataclass(frozen=True, slots=True)
class NearestMaterial:
    """A material of the training data that a model sees as similar.

    Attributes:
        id: The source's own id, ``"mp-149"``.
        formula: Reduced, as chemists write it.
        space_group: Number of the International Tables, 0 if unknown.
        distance: Distance in the leading directions of the embedding.
        labels: Known values by property.
    """

    id: str
    formula: str
    space_group: int
    distance: float
    labels: dict[str, float]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a model predicts what it does of one structure; values in the property's unit.

    Attributes:
        value: Mean over the members.
        baseline: The same of the same places, filled with atoms of no element in particular.
        completeness_error: Sum of the contributions minus ``value - baseline``.
        sites: Contributions in the structure's order; they add up to the change.
        elements: Sums over sites, the largest first.
        shells: The largest first.
        faithfulness: Whether the contributions pass their test.
        nearest: Similar materials of the training data, nearest first.
    """

    value: float
    baseline: float
    completeness_error: float
    sites: tuple[SiteContribution, ...]
    elements: tuple[ElementContribution, ...]
    shells: tuple[ShellContribution, ...]
    faithfulness: Faithfulness
    nearest: tuple[NearestMaterial, ...]
