"""A material among the rows of a job, as the code that learns from crystals asks of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compositions.composition import Composition
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.materials.reading import Material
from epitaxy_models.molecules.molecule import Molecule
from epitaxy_models.structures.structure import Structure


@dataclass(frozen=True)
class Sample:
    """One material.

    Attributes:
        kind: What it is.
        material: The value.
    """

    kind: MaterialKind
    material: Material

    @property
    def reduced_formula(self) -> str:
        """The group that no split may tear: the composition, or the constitution without stereochemistry."""
        return self.material.constitution

    @property
    def formula(self) -> str:
        """As reports show it."""
        return self.material.formula

    @cached_property
    def atomic_numbers(self) -> NDArray[np.uint8]:
        """The elements that occur, each once, ascending; hydrogens count, open ends do not."""
        return np.array(sorted(set(_elements(self.material))), dtype=np.uint8)

    def content_digest(self) -> bytes:
        """16 bytes that name the material."""
        return self.material.digest()

    def as_row(self) -> Structure:
        """The sample where rows are typed as crystals.

        What learns from rows reads their formula, elements and digest alone, which a sample has; what reads lattices is
        never given a sample.
        """
        return cast(Structure, self)


def _elements(material: Material) -> Iterator[int]:
    if isinstance(material, Composition):
        yield from material.atomic_numbers
        return
    graphs = [material.graph] if isinstance(material, Molecule) else [unit.graph for unit in material.units]
    for graph in graphs:
        for atom in graph.GetAtoms():
            if atom.GetAtomicNum():
                yield atom.GetAtomicNum()
                yield from [1] * bool(atom.GetTotalNumHs())
