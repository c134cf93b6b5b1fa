"""Intervals of the shipped model on the test part of the pretraining data: neither training nor calibration saw it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import bounded
from epitaxy_models.calibration.report import REPORTED, CalibrationReport, Intervals, calibration_report
from epitaxy_models.heads.property import PropertyDefinition
from epitaxy_models.structures import Structure, structure_from_column
from epitaxy_models.training.breakdown import chemical_system, crystal_groups, known_groups
from epitaxy_models.training.release import CALIBRATION_PARTS
from loadtest.uncertainty_oracle import Oracle

NOMINAL = tuple(float(c) for c in np.round(np.arange(0.5, 0.991, 0.01), 2))
GAP = "band_gap_pbe_mp2018_eV"
SMALL_GAP = 1.0


def labelled(table: pd.DataFrame, rows: NDArray[np.bool_], oracle: Oracle) -> tuple[pd.DataFrame, list[Structure]]:
    """The rows that have a label of a served property, and their structures."""
    card = oracle.artifact.card
    columns = [card.heads[entry.head] for entry in card.properties]
    found = table[rows]
    found = found[found[columns].notna().any(axis=1)]
    return found, [structure_from_column(text) for text in found["structure"]]


def shipped_reports(
    oracle: Oracle, table: pd.DataFrame, parts: NDArray[np.str_], of: pd.DataFrame | None = None
) -> dict[str, CalibrationReport]:
    """One report a served property, of the test part or of the rows of another table ``of``."""
    rows_of = (table, parts == "test") if of is None else (of, np.ones(len(of), dtype=bool))
    test, structures = labelled(*rows_of, oracle)
    known, seen = labelled(table, np.isin(parts, CALIBRATION_PARTS), oracle)
    embeddings, seen_embeddings = (
        oracle.embed("test part" if of is None else "textbook", structures),
        oracle.embed("calibration parts", seen),
    )
    predictions = {c: oracle.predict(embeddings, structures, c) for c in NOMINAL}
    first, calibration = predictions[NOMINAL[0]], oracle.predict(seen_embeddings, seen, 0.9)
    groups = _groups(table, parts, test, structures) | known_groups(oracle.cells(first, structures))
    reports = {}
    for column, entry in enumerate(oracle.artifact.card.properties):
        label, limits = oracle.artifact.card.heads[entry.head], entry.definition
        labels = test[label].to_numpy(dtype=np.float64)
        rows = np.isfinite(labels)
        residuals = np.abs(known[label].to_numpy(dtype=np.float64) - calibration.values[:, column])
        values = first.values[rows, column]
        reports[limits.name] = calibration_report(
            labels[rows],
            values,
            first.stds[rows, column],
            [Intervals(c, p.lower[rows, column], p.upper[rows, column]) for c, p in predictions.items()],
            {c: constant_width(values, residuals[np.isfinite(residuals)], c, limits) for c in REPORTED},
            {name: mask[rows] for name, mask in groups.items()},
            (limits.lower_bound, limits.upper_bound),
        )
    return reports


def constant_width(
    values: NDArray[np.float64], residuals: NDArray[np.float64], coverage: float, limits: PropertyDefinition
) -> Intervals:
    """Split-conformal intervals of one width, from the residuals of the calibration parts."""
    rank = min(int(np.ceil((len(residuals) + 1) * coverage)), len(residuals))
    half = np.full(len(values), np.sort(residuals)[rank - 1])
    _, lower, upper = bounded(values, half, limits.lower_bound, limits.upper_bound)
    return Intervals(coverage, lower, upper)


def _groups(
    table: pd.DataFrame, parts: NDArray[np.str_], test: pd.DataFrame, structures: list[Structure]
) -> dict[str, NDArray[np.bool_]]:
    gaps = test[GAP].to_numpy(dtype=np.float64)
    systems = frozenset(
        chemical_system(structure_from_column(text).atomic_numbers) for text in table["structure"][parts == "train"]
    )
    groups = crystal_groups([structure.atomic_numbers for structure in structures], gaps, systems)
    return groups | {f"gaps above 0 and below {SMALL_GAP:g} eV": (gaps > 0) & (gaps < SMALL_GAP)}
