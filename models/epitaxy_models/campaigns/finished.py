"""A finished data set as something to play again: features by the shipped substrate, and what its heads say."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.acquisition import AcquisitionName
from epitaxy_models.campaigns.heads import HeadAnswer, head_answer
from epitaxy_models.campaigns.objective import Limit, Objective
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.simulation import Found, History, head_order, simulate, summarize
from epitaxy_models.campaigns.start import Start, StartName
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.conditions.blocks import condition_blocks
from epitaxy_models.transfer.conditions.condition import Condition, ConditionColumn, value_keys
from epitaxy_models.transfer.features import SubstrateFeatures

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
# Fewer rows have no best 1 % that anything could be told by.
LEAST_ROWS = 20
HEAD = "head"


def finished_history(
    structures: Sequence[Structure],
    values: Mapping[str, Array],
    objectives: Sequence[Objective],
    limits: Sequence[Limit] = (),
    start: StartName = StartName.AUTO,
    on_structures: Callable[[int], None] = lambda n_done: None,
    conditions: Mapping[str, ConditionColumn] | None = None,
) -> History:
    """Features of all rows, and copies of one crystal under one condition told as such.

    Args:
        structures: Checked crystals.
        values: Finite values by property, in units, ``[n_structures]``.
        objectives: What is looked for.
        limits: What other properties have to keep.
        start: How to begin.
        on_structures: Called with the number of crystals that are featurized.
        conditions: Under which each row was measured, by name.

    Raises:
        ConfigurationError: TOO_FEW_ROWS, or INVALID_CONDITION.
        UnsupportedElementError: A crystal holds an element that the substrate has never seen.
    """
    check_enough(len(structures))
    artifact = load_artifact(shipped_model())
    embed, n_done = Embedder(artifact), 0

    def embed_and_tell(graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        nonlocal n_done
        found = embed(graphs)
        n_done += len(graphs)
        on_structures(n_done)
        return found

    inputs = SubstrateFeatures(artifact).inputs_of(structures, embed_and_tell)
    columns = conditions or {}
    under = value_keys([column.values for column in columns.values()], len(structures))
    _, groups = distinct([(graph.key, key) for graph, key in zip(inputs.graphs, under, strict=True)])
    blocks = {**inputs.blocks, **blocks_under(columns)}
    shipped = artifact.fidelity_heads
    fidelities = shipped.columns if shipped is not None else ()
    return History(
        PoolBlocks.of(blocks),
        values,
        objectives,
        Start(start),
        heads_of(objectives, blocks, artifact.card.heads, fidelities),
        limits,
        groups=groups,
    )


def check_enough(n_rows: int) -> None:
    """Raises ConfigurationError (TOO_FEW_ROWS)."""
    if n_rows < LEAST_ROWS:
        raise ConfigurationError(
            f"{n_rows} rows have a material and all values: a replay needs at least {LEAST_ROWS}",
            reason="TOO_FEW_ROWS",
        )


def blocks_under(conditions: Mapping[str, ConditionColumn]) -> dict[str, Array]:
    """Blocks of conditions. Raises ConfigurationError (INVALID_CONDITION)."""
    learned = [Condition.learned(name, column.values, column.unit) for name, column in conditions.items()]
    values = {name: column.values for name, column in conditions.items()}
    return condition_blocks(learned, values, len(next(iter(values.values()), ())))


def distinct(keys: Sequence[object]) -> tuple[Numbers, Numbers]:
    """The first row of each key in their order, and the place of each row's key among them."""
    found: dict[object, int] = {}
    places = np.array([found.setdefault(key, len(found)) for key in keys], dtype=np.int64)
    return np.unique(places, return_index=True)[1], places


def check_strategies(names: Sequence[str]) -> None:
    """Raises ConfigurationError (UNKNOWN_STRATEGY) with the names that exist, before anything is computed."""
    known = ["default", HEAD, *AcquisitionName]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(
            f"no strategy {unknown[0]!r}: choose among {', '.join(known)}", reason="UNKNOWN_STRATEGY"
        )


def play(history: History, name: str, batch: int, budget: int, seeds: int, at: Sequence[int]) -> Found:
    """One strategy of ``simulate``, or ``head``: the ranking by the substrate's own prediction, nothing learned.

    Raises ConfigurationError (NO_HEAD) if the substrate does not predict the objectives.
    """
    if name != HEAD:
        return simulate(history, [name], batch, budget, seeds, at)[name]
    order = head_order(history)
    if order is None:
        names = ", ".join(objective.name for objective in history.objectives)
        raise ConfigurationError(f"the substrate does not predict {names}: leave {HEAD} out", reason="NO_HEAD")
    return summarize(history, [order[:budget]], at, budget)


def heads_of(
    objectives: Sequence[Objective],
    blocks: Mapping[str, NDArray[np.floating]],
    heads: Sequence[str],
    fidelities: Sequence[str] = (),
) -> dict[str, HeadAnswer]:
    """What the substrate says of the objectives, by property, where it says anything."""
    answers = {entry.name: head_answer(entry.name, entry.unit, blocks, heads, fidelities) for entry in objectives}
    return {name: answer for name, answer in answers.items() if answer is not None}
