"""What shared substrates and tenants' models answer to variants of a material."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import UnknownPropertyError
from epitaxy_models.explanation.materials.question import Variant
from epitaxy_models.substrates.compositional import CompositionSubstrate
from epitaxy_models.substrates.molecular import MolecularSubstrate
from epitaxy_models.transfer.conditions.condition import Condition, Values
from epitaxy_models.transfer.features import under_conditions
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample

# Materials whose descriptors are in memory together.
_ROWS_AT_ONCE = 256


class SubstrateAnswers:
    """Implements Answers for one head of a substrate: the ensemble's mean, without the cut at physical bounds."""

    def __init__(self, substrate: MolecularSubstrate | CompositionSubstrate, name: str) -> None:
        """Raises UnknownPropertyError."""
        names = [entry.definition.name for entry in substrate.card.properties]
        if name not in names:
            raise UnknownPropertyError(
                f"{substrate.card.name} has no {name}; it has {', '.join(names)}", reason="UNKNOWN_PROPERTY"
            )
        self._substrate, self._column = substrate, names.index(name)

    def __call__(self, variants: Sequence[Variant]) -> NDArray[np.float64]:
        """Substrates know no conditions."""
        materials: list[Any] = [variant.material for variant in variants]
        graphs = [self._substrate.featurize(material) for material in materials]
        by_member = self._substrate.by_member(graphs, self._substrate.embed(graphs))[:, :, self._column].T
        return np.column_stack([by_member.mean(axis=1), by_member])


class TenantAnswers:
    """Implements Answers for a tenant's model of one kind of material: the value as it is served."""

    def __init__(self, model: TransferModel, features: MaterialFeatures) -> None:
        self._model, self._features = model, features

    def __call__(self, variants: Sequence[Variant]) -> NDArray[np.float64]:
        """A condition that a variant does not state is unknown to the model, which averages over its labels'."""
        starts = range(0, len(variants), _ROWS_AT_ONCE)
        return np.concatenate([self._some(variants[start : start + _ROWS_AT_ONCE]) for start in starts])

    def _some(self, variants: Sequence[Variant]) -> NDArray[np.float64]:
        distinct = {variant.material.key: variant.material for variant in variants}
        places = {key: row for row, key in enumerate(distinct)}
        kind, conditions = self._features.kind, self._model.card.conditions
        inputs = self._features.inputs_of([Sample(kind, material) for material in distinct.values()])
        rows = np.array([places[variant.material.key] for variant in variants], dtype=np.int64)
        values = {condition.name: _column(condition, variants) for condition in conditions}
        value, by_member = self._model.answers(under_conditions(inputs.take(rows), conditions, values))
        return np.column_stack([value, by_member.T])


def _column(condition: Condition, variants: Sequence[Variant]) -> Values:
    given = [variant.stated.get(condition.name) for variant in variants]
    if condition.is_category:
        column = np.empty(len(given), dtype=object)
        column[:] = given
        return column
    return np.array([np.nan if value is None else value for value in given], dtype=np.float64)
