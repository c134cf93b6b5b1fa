"""What is told of a featurized block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy.prediction.domain import Refusal
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.heads.property import PropertyDefinition
from epitaxy_models.review import ReviewDecision

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class StructureFacts:
    """What is known of one structure, or of another material, beside its features."""

    key: bytes
    reduced_formula: str
    elements: bytes
    domain: DomainScore
    review: ReviewDecision


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One item of a block, with its facts or the reason why there are none."""

    id: str
    outcome: StructureFacts | Refusal


@dataclass(frozen=True, slots=True, eq=False)
class FeatureAnswer:
    """Answers of one block.

    Attributes:
        rows: One per item, in order.
        blocks: Features by block of the items that have facts, ``[n_answered, width]``.
        properties: What the substrate predicts.
        values: Predicted values ``[n_answered, n_properties]``.
        stds: Standard deviations ``[n_answered, n_properties]``.
    """

    rows: Sequence[FeatureRow]
    blocks: Mapping[str, Array]
    properties: Sequence[PropertyDefinition]
    values: Array
    stds: Array
