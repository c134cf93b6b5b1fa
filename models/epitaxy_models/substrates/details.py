"""What cards of models state of a substrate beside its card."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from epitaxy_models.calibration.nearness import FAMILIAR_COUNT
from epitaxy_models.substrates.artifact import MaterialArtifact


@dataclass(frozen=True, slots=True)
class SubstrateDetails:
    """Facts of the weights.

    Attributes:
        card_json: The card as JSON.
        n_parameters: Of all members together.
        supported_elements: Atomic numbers that the pretraining data hold often enough, ascending.
    """

    card_json: str
    n_parameters: int
    supported_elements: tuple[int, ...]

    @classmethod
    def of(cls, artifact: MaterialArtifact, atomic_numbers: Sequence[int]) -> "SubstrateDetails":
        """``atomic_numbers`` is the element of each kind of node, 0 where it is none."""
        of_element = np.zeros(1 + max(atomic_numbers), dtype=np.int64)
        np.add.at(of_element, np.array(atomic_numbers), artifact.nearness.node_counts)
        elements = np.flatnonzero(of_element >= FAMILIAR_COUNT)
        n_parameters = sum(prod(array.shape) for array in (*artifact.backbone.values(), *artifact.heads.values()))
        return cls(json.dumps(artifact.card.as_json()), n_parameters, tuple(z for z in elements.tolist() if z))
