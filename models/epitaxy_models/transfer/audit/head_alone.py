"""What the substrate's own head is worth, for labels too few to learn from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.heads.property import PropertyDefinition
from epitaxy_models.transfer.inputs import FIDELITIES, TransferInputs
from epitaxy_models.transfer.labels.target import TransformKind
from epitaxy_models.transfer.quantities import kin_columns, states_by_name
from epitaxy_models.transfer.strategies.laws import LawColumn, law_columns
from epitaxy_models.transfer.strategies.substrate_head import SubstrateHead


def worth_of_head(
    artifact: ModelArtifact, definition: PropertyDefinition, inputs: TransferInputs | None, labels: NDArray[np.float64]
) -> str:
    """One sentence; empty where no head states the property.

    Args:
        artifact: The substrate.
        definition: Of the labels.
        inputs: Of the rows that have one; None if no row has.
        labels: ``[n_rows]`` in the property's unit.
    """
    quantity = states_by_name(definition.name, definition.unit)
    if quantity is None:
        return ""
    base = f"{artifact.card.name} {artifact.card.version}"
    served = next((p for p in artifact.card.properties if quantity.head.startswith(p.definition.name)), None)
    known = f", {served.metrics['mae']:.3g} {definition.unit} on its own test part" if served else ""
    if inputs is None or quantity.scale is not TransformKind.NONE:
        return f"{base} predicts this quantity without any label{known}: screen with it"
    kin = _kin(artifact, definition, inputs)
    head = SubstrateHead(kin).fit(inputs, labels, seed=0)
    errors = np.abs(head.predict(inputs).values - labels)
    name = _named(head.laws[0].column, artifact)
    return (
        f"without any label, {name} of {base} errs by {errors.mean():.3g} {definition.unit} on these {len(labels)} "
        f"({errors.min():.2g} to {errors.max():.2g}){known}: screen with it"
    )


def _kin(artifact: ModelArtifact, definition: PropertyDefinition, inputs: TransferInputs) -> tuple[LawColumn, ...]:
    shipped = artifact.fidelity_heads
    n_fidelities = len(shipped.heads) if shipped else 0
    found = kin_columns(artifact.card.heads, n_fidelities, definition.name, definition.unit, TransformKind.NONE)
    there: Sequence[LawColumn] = law_columns(inputs)
    # The first one of each block: so few labels cannot choose among vintages of one head.
    kept = {column.block: column for column in reversed(found) if column in there}
    return tuple(kept.values())


def _named(column: LawColumn, artifact: ModelArtifact) -> str:
    shipped = artifact.fidelity_heads
    if column.block == FIDELITIES and shipped:
        return f"the shipped model of {shipped.columns[column.column]} values"
    return f"the head {artifact.card.heads[column.column]}"
