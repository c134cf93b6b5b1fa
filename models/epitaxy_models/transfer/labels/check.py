"""Data check of a tenant's labels: what is usable, what is not and why, before anything is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import EpitaxyError
from epitaxy_models.graphs.graph import DEFAULT_RULE, CrystalGraph, GraphRule, build_graph
from epitaxy_models.source_index.materials import SourceMaterials, short_key
from epitaxy_models.structures.display import display_formula
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.conditions.condition import Values, value_keys
from epitaxy_models.transfer.labels.censoring import Sides, sides_of
from epitaxy_models.transfer.labels.classes import judge_classes
from epitaxy_models.transfer.labels.findings import DataCheck, SeenCrystal
from epitaxy_models.transfer.labels.judging import Crystal, LabelledRow, judge_labels
from epitaxy_models.transfer.labels.readings import Reading
from epitaxy_models.transfer.labels.references import ReadReferences
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.labels.units import ReferenceValues


@dataclass(frozen=True, slots=True, eq=False)
class CheckedLabels:
    """Crystals to learn from, one a row, and what the check found.

    Attributes:
        check: The findings.
        rows: Position of each crystal's first row, int64 ``[n_usable]``.
        structures: Structures, as given there.
        graphs: Under the rule of the check.
        labels: The label, or the median of several, float64 ``[n_usable]``.
        transform: Scale to learn on; None where the labels have no place on the one asked for.
        replicate_std: Spread of labels of one crystal, in their unit; 0 where none is repeated.
        sides: Which of the labels are bounds, as of ``censoring.Side``, int8 ``[n_usable]``.
    """

    check: DataCheck
    rows: NDArray[np.int64]
    structures: tuple[Structure, ...]
    graphs: tuple[CrystalGraph, ...]
    labels: NDArray[np.float64]
    transform: TargetTransform | None
    replicate_std: float
    sides: Sides


def check_labels(
    rows: Sequence[tuple[str, Structure | EpitaxyError]],
    labels: NDArray[np.float64],
    unit: str,
    rule: GraphRule = DEFAULT_RULE,
    source: SourceMaterials | None = None,
    references: ReadReferences | None = None,
    transform: str = "auto",
    readings: Mapping[int, tuple[Reading, ...]] = MappingProxyType({}),
    conditions: Sequence[Values] = (),
    sides: Sides | None = None,
    *,
    are_classes: bool = False,
) -> CheckedLabels:
    """Sorts rows into usable, merged and refused, and looks for what is odd among the usable.

    Args:
        rows: Name and structure of each row, or why it could not be read.
        labels: NaN if missing, ``[n_rows]``.
        unit: Unit of the labels.
        rule: Rule of the substrate's graphs.
        source: The substrate's training materials.
        references: Predicts energies and gaps, against which labels and unit are held.
        transform: Scale to learn on.
        readings: What reading the structures took, by the position of the row.
        conditions: Values of each condition, ``[n_rows]``; a crystal under two conditions is learned from twice.
        sides: Which labels are bounds, as of ``censoring.Side``, int8 ``[n_rows]``; None: none.
        are_classes: Whether the labels are 0 or 1, so that no unit and no outlier is looked for.

    Raises ValueError if rows and labels differ in number. What stops a job is a finding: ``check.require_learnable``
    raises.
    """
    known: dict[int, tuple[Structure, CrystalGraph]] = {}
    given = []
    keys = value_keys(conditions, len(rows))
    known_sides = sides_of(sides, len(rows)).tolist()
    for row, ((name, structure), label) in enumerate(zip(rows, labels.tolist(), strict=True)):
        if isinstance(structure, EpitaxyError):
            given.append(LabelledRow(row, name, label, None, (str(structure.reason), structure.message)))
            continue
        crystal = Crystal("", structure.n_sites, row)
        if np.isfinite(label):
            graph = build_graph(structure, rule)
            known[row] = structure, graph
            crystal = Crystal(display_formula(structure.atomic_numbers), structure.n_sites, graph.key)
        read = readings.get(row, ())
        given.append(LabelledRow(row, name, label, crystal, readings=read, conditions=keys[row], side=known_sides[row]))

    def answers(chosen: NDArray[np.int64]) -> Sequence[ReferenceValues]:
        pairs = [known[row] for row in chosen.tolist()]
        return references([graph for _, graph in pairs], [structure for structure, _ in pairs]) if references else ()

    def seen(chosen: Sequence[LabelledRow]) -> tuple[SeenCrystal, ...]:
        pairs = [(row, known[row.row][0]) for row in chosen]
        return _seen(pairs, source) if source is not None else ()

    judged = (
        judge_classes(given, seen)
        if are_classes
        else judge_labels(given, unit, transform, answers if references else None, seen)
    )
    pairs = [known[row] for row in judged.rows.tolist()]
    return CheckedLabels(
        judged.check,
        judged.rows,
        tuple(structure for structure, _ in pairs),
        tuple(graph for _, graph in pairs),
        judged.labels,
        judged.transform,
        judged.replicate_std,
        judged.sides,
    )


def _seen(rows: Sequence[tuple[LabelledRow, Structure]], source: SourceMaterials) -> tuple[SeenCrystal, ...]:
    found = []
    for row, structure in rows:
        crystal = row.crystal
        if crystal is None or not isinstance(crystal.key, bytes):
            continue
        is_same = short_key(crystal.key) in source.known_keys
        if is_same or structure.reduced_formula in source.known_formulas:
            found.append(SeenCrystal(row.row, row.id, crystal.reduced_formula, is_same))
    return tuple(found)
