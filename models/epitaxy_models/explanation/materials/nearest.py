"""Materials of the pretraining data that are near: by composition, or in a substrate's embedding."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compositions import Composition
from epitaxy_models.explanation.explanation import NearestMaterial
from epitaxy_models.explanation.materials.chemistry import as_keyed
from epitaxy_models.explanation.nearest import as_written
from epitaxy_models.molecules import Molecule
from epitaxy_models.polymers import Polymer
from epitaxy_models.source_index.index import SourceIndex
from epitaxy_models.source_index.materials import SourceMaterial
from epitaxy_models.source_index.storage import FILE_NAME, load_source_index
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.formula import parse_formula
from epitaxy_models.substrates.anchors import NamedAnchors
from epitaxy_models.substrates.material_catalogue import AnyMaterialSubstrate
from epitaxy_models.substrates.shipped import pretrained_folder, shipped_crystal

# The composition substrate learned the formulas of the crystal substrate's corpus, whose index has the labels.
_CORPUS = "substrate-mp"
_N_ELEMENTS = len(SYMBOLS) + 1


class NearestCompositions:
    """Searches all formulas; the distance is the share of the atoms that would have to be exchanged."""

    def __init__(self, source: SourceIndex) -> None:
        self._source = source

    @classmethod
    def shipped(cls) -> "NearestCompositions":
        """Over the corpus that comes with the package. Raises CheckpointError."""
        path = pretrained_folder(_CORPUS) / FILE_NAME
        return cls(load_source_index(path, shipped_crystal().artifact.weights_digest))

    def __call__(self, composition: Composition, count: int) -> tuple[NearestMaterial, ...]:
        """That many, nearest first; of one formula the polymorph of which most is known, then the most stable."""
        own = np.zeros(_N_ELEMENTS, dtype=np.float32)
        own[list(composition.atomic_numbers)] = composition.fractions
        distances = np.abs(self._shares - own).sum(axis=1) / 2
        rows = list(self._rows.values())
        chosen = np.argsort(distances, kind="stable")[:count].tolist()
        return tuple(self._material(rows[place], float(distances[place])) for place in chosen)

    @cached_property
    def _rows(self) -> dict[str, list[int]]:
        """Polymorphs by formula."""
        rows: dict[str, list[int]] = {}
        for row, formula in enumerate(self._source.materials.formulas):
            rows.setdefault(formula, []).append(row)
        return rows

    @cached_property
    def _shares(self) -> NDArray[np.float32]:
        """Shares of the atoms of every formula, ``[n_formulas, n_elements]``."""
        shares = np.zeros((len(self._rows), _N_ELEMENTS), dtype=np.float32)
        for place, formula in enumerate(self._rows):
            amounts = parse_formula(formula) or {}
            total = sum(amounts.values())
            for z, amount in amounts.items():
                shares[place, z] = amount / total
        return shares

    def _material(self, rows: Sequence[int], distance: float) -> NearestMaterial:
        known = min((self._source.material(row) for row in rows), key=_standing)
        return NearestMaterial(known.id, as_written(known.formula), known.space_group, distance, _labels(known))


def nearest_anchors(
    material: Molecule | Polymer, substrate: AnyMaterialSubstrate, count: int
) -> tuple[NearestMaterial, ...]:
    """That many of the pretraining molecules that nearness is measured from, nearest in the substrate's directions.

    Empty for a substrate that came without their names.
    """
    graph = substrate.featurize(as_keyed(material))  # type: ignore[arg-type]  # molecules and polymers have the molecular one
    points = substrate.latent.project(substrate.embed([graph])[:, 0])
    [found] = NamedAnchors.load(pretrained_folder(substrate.card.name), substrate.latent).nearest(points, count)
    return tuple(NearestMaterial("", name, 0, distance, {}) for name, distance in found)


def _labels(material: SourceMaterial) -> dict[str, float]:
    return {name: value for name, value in material.labels.items() if value is not None}


def _standing(material: SourceMaterial) -> tuple[int, float]:
    labels = _labels(material)
    return -len(labels), labels.get("energy_above_hull", 0.0)
