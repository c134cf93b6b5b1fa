"""From what a job found to its report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.materials import MaterialKind
from epitaxy_models.structures.display import display_formula, display_spelling
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.audit.examination import Examination
from epitaxy_models.transfer.contest.comparison import Comparison, Task
from epitaxy_models.transfer.contest.judge import Judgement, StrategyVerdict
from epitaxy_models.transfer.fitted.refit import COVERAGES, Calibration, interval_ends
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.labels.censoring import sides_of
from epitaxy_models.transfer.records import (
    AuditSection,
    CalibrationSection,
    GroupErrors,
    LearningCurve,
    NeighbourRow,
    ParityRow,
    PropertySection,
    StrategyRow,
    TransferReport,
    VerdictSection,
)
from epitaxy_models.transfer.report.chemistry import group_errors, row_errors
from epitaxy_models.transfer.report.simple import best_simple
from epitaxy_models.transfer.request import TransferRequest

_N_WORST = 12


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What is known after the comparison."""

    request: TransferRequest
    base_model: str
    task: Task
    examination: Examination
    comparison: Comparison
    judgement: Judgement


def assemble(
    found: Findings,
    calibration: Calibration,
    blocks: Mapping[str, float],
    curves: tuple[LearningCurve, ...],
    sentence: str,
) -> TransferReport:
    """All sections."""
    definition = found.request.definition
    scale = str(found.examination.transform.kind)
    parity = _parity(found, calibration)
    kind = _kind_of(found)
    return TransferReport(
        subject=PropertySection(definition.name, definition.unit, scale, found.base_model),
        verdict=_verdict(found, sentence, calibration.is_kept),
        data=found.examination.data,
        audit=found.examination.audit if kind is not MaterialKind.STRUCTURE else _spelled(found.examination.audit),
        strategies=tuple(_strategy(entry, found.comparison) for entry in found.judgement.strategies),
        skipped=found.comparison.skipped,
        learning_curves=curves,
        coverage=DEFAULT_COVERAGE,
        parity=parity,
        worst=tuple(sorted(parity, key=lambda row: -row.error)[:_N_WORST]),
        calibration=CalibrationSection(
            () if calibration.classes else COVERAGES, calibration.measured, calibration.record.n_measured
        ),
        blocks=blocks,
        conditions=found.examination.conditions,
        groups=_groups(found),
        classes=calibration.classes.quality if calibration.classes else None,
        kind=kind,
    )


def _spelled(audit: AuditSection) -> AuditSection:
    """Formulas in one spelling throughout the report."""
    neighbours = tuple(
        NeighbourRow(
            row.row_id,
            display_spelling(row.formula),
            tuple((_spelled_name(name), distance) for name, distance in row.nearest),
        )
        for row in audit.neighbours
    )
    shown = audit.latent_map
    if shown is not None:
        names = (name.rpartition(" ") for name in shown.target_names)
        spelled = tuple(f"{row_id} {display_spelling(formula)}" for row_id, _, formula in names)
        shown = replace(shown, target_names=spelled)
    return replace(audit, neighbours=neighbours, latent_map=shown)


def _spelled_name(name: str) -> str:
    """``"SrTiO3 (mp-5229)"`` of ``"O3SrTi (mp-5229)"``."""
    formula, space, rest = name.partition(" ")
    return f"{display_spelling(formula)}{space}{rest}"


def _kind_of(found: Findings) -> MaterialKind:
    """What the rows are; all of them are of one kind."""
    first: Structure | Sample = found.examination.inputs.structures[0]
    return first.kind if isinstance(first, Sample) else MaterialKind.STRUCTURE


def _formula_of(row: Structure | Sample) -> str:
    return row.formula if isinstance(row, Sample) else display_formula(row.atomic_numbers)


def _verdict(found: Findings, sentence: str, is_calibrated: bool) -> VerdictSection:
    judgement = found.judgement
    return VerdictSection(
        sentence=sentence,
        transfer=str(judgement.transfer_verdict),
        chosen=judgement.chosen,
        chosen_verdict=str(judgement.verdict),
        reference=judgement.reference,
        reason=judgement.reason,
        is_calibrated=is_calibrated,
        best_simple=best_simple(found.comparison.maes()),
    )


def _groups(found: Findings) -> tuple[GroupErrors, ...]:
    """Errors by chemistry of what serves, beside those of the best simple law."""
    simple = best_simple(found.comparison.maes())
    names = [found.judgement.chosen, simple.strategy if simple else found.judgement.chosen]
    errors = [row_errors(found.comparison.errors[name], found.task) for name in names]
    seen = {entry["row"] for entry in found.examination.data.details.get("seen", ())}
    is_seen = np.array([row in seen for row in found.examination.rows.tolist()])
    knows_source = bool(found.examination.audit.forecast)
    return group_errors(found.task.inputs.structures, errors[0], errors[1], is_seen if knows_source else None)


def _strategy(entry: StrategyVerdict, comparison: Comparison) -> StrategyRow:
    return StrategyRow(
        name=entry.name,
        is_transfer=entry.is_transfer,
        may_serve=entry.may_serve,
        mae=entry.error.mean,
        mae_low=max(entry.error.low, 0.0),  # a symmetric interval of a mean of absolute errors may reach below
        mae_high=entry.error.high,
        gain=entry.gain.mean,
        gain_low=entry.gain.low,
        gain_high=entry.gain.high,
        verdict=str(entry.verdict),
        seconds=comparison.validations[entry.name].seconds,
        against_chosen=entry.against_chosen.mean,
        against_chosen_low=entry.against_chosen.low,
        against_chosen_high=entry.against_chosen.high,
        beats_chosen=str(entry.beats_chosen),
    )


def _parity(found: Findings, calibration: Calibration) -> tuple[ParityRow, ...]:
    values, lower, upper = interval_ends(calibration, found.task)
    examination = found.examination
    names = map(_formula_of, examination.inputs.structures)
    sides = sides_of(examination.inputs.sides, len(examination.labels)).tolist()
    columns = zip(examination.row_ids, names, examination.labels, values, lower, upper, sides, strict=True)
    return tuple(
        ParityRow(row_id, formula, float(label), float(value), float(low), float(high), side)
        for row_id, formula, label, value, low, high, side in columns
    )
