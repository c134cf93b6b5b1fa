"""A finished data set of molecules, polymers or compositions, also under conditions, as something to play again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.finished import blocks_under, check_enough, distinct, heads_of
from epitaxy_models.campaigns.objective import Limit, Objective
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.simulation import History
from epitaxy_models.campaigns.start import Start, StartName
from epitaxy_models.transfer.conditions.condition import ConditionColumn, value_keys
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample

Array = NDArray[np.float64]
_ROWS_A_BATCH = 128


def finished_material_history(
    samples: Sequence[Sample],
    values: Mapping[str, Array],
    objectives: Sequence[Objective],
    limits: Sequence[Limit] = (),
    start: StartName = StartName.AUTO,
    conditions: Mapping[str, ConditionColumn] | None = None,
    on_materials: Callable[[int], None] = lambda n_done: None,
) -> History:
    """Features of all candidates. Rows of one material under one condition are one candidate, with their mean value.

    Args:
        samples: Materials of one kind, which the substrate of that kind can read.
        values: Finite values by property, in units, ``[n_rows]``.
        objectives: What is looked for.
        limits: What other properties have to keep.
        start: How to begin.
        conditions: Under which each row was measured, by name.
        on_materials: Called with the number of materials that are featurized.

    Raises:
        ConfigurationError: TOO_FEW_ROWS, or INVALID_CONDITION.
        UnsupportedElementError: A material holds an element that the substrate has never seen.
    """
    columns = conditions or {}
    under = value_keys([column.values for column in columns.values()], len(samples))
    first, places = distinct([(sample.material.key, key) for sample, key in zip(samples, under, strict=True)])
    check_enough(len(first))
    features = MaterialFeatures.shipped(samples[0].kind)
    blocks = _featurized(features, [samples[row] for row in first], on_materials)
    blocks |= blocks_under({name: replace(column, values=column.values[first]) for name, column in columns.items()})
    counts = np.bincount(places)
    means = {name: np.bincount(places, column) / counts for name, column in values.items()}
    heads = heads_of(objectives, blocks, features.substrate.card.heads)
    return History(PoolBlocks.of(blocks), means, objectives, Start(start), heads, limits)


def _featurized(
    features: MaterialFeatures, samples: Sequence[Sample], on_materials: Callable[[int], None]
) -> dict[str, NDArray[np.floating]]:
    """All blocks as float32: a pool holds thousands of features of each candidate."""
    parts: list[dict[str, NDArray[np.float32]]] = []
    for start in range(0, len(samples), _ROWS_A_BATCH):
        blocks = features.inputs_of(samples[start : start + _ROWS_A_BATCH]).blocks
        parts.append({name: block.astype(np.float32) for name, block in blocks.items()})
        on_materials(min(start + _ROWS_A_BATCH, len(samples)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
