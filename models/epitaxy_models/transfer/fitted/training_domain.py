"""How far a structure lies from the labels that a tenant's model was fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.domain import DomainModel
from epitaxy_models.calibration.percentile import shares_below
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.structures.structure import Structure

# Beyond this share of the labels' own distances a structure is borderline.
_BORDERLINE = 0.95
# A few dozen distances have no 99th percentile: foreign is what lies this many times beyond the largest.
_OUTSIDE_RATIO = 1.5
_N_ELEMENTS = 119


@dataclass(frozen=True, slots=True, eq=False)
class TrainingDomain:
    """Distance to the nearest labelled structure, in the substrate's own directions.

    A few dozen labels cannot span directions of their own: a structure foreign to all of them would project to nothing.

    Attributes:
        centre: Origin of the substrate's latent space, ``[embedding_width]``.
        directions: Axes of the substrate's latent space, ``[embedding_width, n_directions]``.
        points: Labelled structures in them, ``[n_labels, n_directions]``.
        distances: Distance of each label to the nearest one of another formula, ascending, ``[n_labels]``.
        element_counts: Labels that hold each element, by atomic number, ``[119]``.
    """

    centre: NDArray[np.float32]
    directions: NDArray[np.float32]
    points: NDArray[np.float32]
    distances: NDArray[np.float32]
    element_counts: NDArray[np.int64]

    @classmethod
    def fit(
        cls, substrate: DomainModel, embeddings: NDArray[np.float64], structures: Sequence[Structure]
    ) -> "TrainingDomain":
        """From the embedding block ``[n_labels, n_members * embedding_width]`` of the labelled structures."""
        return cls.along(substrate.latent.centre, substrate.latent.directions, embeddings, structures)

    @classmethod
    def along(
        cls,
        centre: NDArray[np.float32],
        directions: NDArray[np.float32],
        features: NDArray[np.float64],
        structures: Sequence[Structure],
    ) -> "TrainingDomain":
        """In given directions ``[width, n_directions]`` of some block ``[n_labels, width]``."""
        points = _projected(centre, directions, features)
        formulas = np.array([structure.reduced_formula for structure in structures])
        counts = np.zeros(_N_ELEMENTS, dtype=np.int64)
        for structure in structures:
            counts[np.unique(structure.atomic_numbers)] += 1
        return cls(centre, directions, points, _own_distances(points, formulas), counts)

    def judge(self, embeddings: NDArray[np.float64], structures: Sequence[Structure]) -> tuple[DomainScore, ...]:
        """Verdict on each row of an embedding block."""
        points = _projected(self.centre, self.directions, embeddings)
        nearest = np.array([np.linalg.norm(self.points - point, axis=1).min() for point in points])
        scores = shares_below(nearest, self.distances)
        judged = zip(nearest.tolist(), scores.tolist(), structures, strict=True)
        return tuple(self._verdict(distance, score, structure) for distance, score, structure in judged)

    def _verdict(self, distance: float, score: float, structure: Structure) -> DomainScore:
        if distance > _OUTSIDE_RATIO * float(self.distances[-1]):
            text = f"lies {distance / float(self.distances[-1]):.1f} times farther from the labels than any two of them"
            return DomainScore(score, DomainVerdict.OUT_OF_DOMAIN, text)
        unseen = [int(z) for z in np.unique(structure.atomic_numbers) if not self.element_counts[z]]
        if unseen:
            names = ", ".join(symbol_of(z) for z in unseen)
            return DomainScore(score, DomainVerdict.BORDERLINE, f"no label holds {names}")
        if score < _BORDERLINE:
            return DomainScore(score, DomainVerdict.IN_DOMAIN, "")
        text = f"lies farther from the labels than {100 * score:.0f} % of these from one another"
        return DomainScore(score, DomainVerdict.BORDERLINE, text)


def _projected(
    centre: NDArray[np.float32], directions: NDArray[np.float32], embeddings: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The first member's embedding in the substrate's directions; summed in float64, so no row depends on others."""
    return ((embeddings[:, : len(centre)] - centre) @ directions.astype(np.float64)).astype(np.float32)


def _own_distances(points: NDArray[np.float32], formulas: NDArray[np.str_]) -> NDArray[np.float32]:
    """Polymorphs of one compound lie close to each other and say nothing of how close another compound lies."""
    has_others = len(np.unique(formulas)) > 1
    found = []
    for row, point in enumerate(points):
        others = formulas != formulas[row] if has_others else np.arange(len(points)) != row
        found.append(np.linalg.norm(points[others] - point, axis=1).min(initial=np.inf))
    return np.sort(np.array(found, dtype=np.float32))
