"""Intervals of tenants' models: what a job chooses on few labels, measured on formulas that it never saw."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.out_of_fold import OutOfFold, calibrate
from epitaxy_models.calibration.report import REPORTED, CalibrationReport, Intervals, calibration_report
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.transfer.field import default_field
from loadtest.transfer import Served, serve
from loadtest.transfer_targets import TARGETS, read_pool

N_POOL = 2500
NOMINAL = tuple(float(c) for c in np.round(np.arange(0.5, 0.991, 0.01), 2))


def tenant_reports(data: Path, work: Path, n_labels: int, n_seeds: int) -> dict[str, CalibrationReport]:
    """One report a target, over the test rows of all its draws, on the scale of the fit."""
    frozen = default_field(load_artifact(shipped_model())).frozen
    reports = {}
    for target in TARGETS:
        if not (data / target.file).exists():
            continue
        pool = read_pool(target, data, work, N_POOL)
        draws = [serve(pool, n_labels, seed, frozen) for seed in range(n_seeds)]
        reports[target.name] = _report(draws)
        print(f"{target.name}: {n_seeds} models measured", flush=True)
    return reports


def _report(draws: list[Served]) -> CalibrationReport:
    labels, values = (np.concatenate([getattr(draw, name) for draw in draws]) for name in ("truth", "values"))
    calibrators = [calibrate(draw.predictions) for draw in draws]
    plain = [calibrate(_without_difficulty(draw.predictions)) for draw in draws]
    ones = [np.ones_like(draw.expected_errors) for draw in draws]
    expected = [draw.expected_errors for draw in draws]
    stds = np.concatenate([c.stds(e) for c, e in zip(calibrators, expected, strict=True)])
    intervals = list(_intervals(values, calibrators, expected, NOMINAL))
    constant = {entry.nominal: entry for entry in _intervals(values, plain, ones, REPORTED)}
    return calibration_report(labels, values, stds, intervals, constant)


def _intervals(
    values: NDArray[np.float64],
    calibrators: list[Calibrator],
    expected: list[NDArray[np.float64]],
    nominal: tuple[float, ...],
) -> Iterator[Intervals]:
    for coverage in nominal:
        parts = [c.half_widths(e, coverage) for c, e in zip(calibrators, expected, strict=True)]
        half = np.concatenate(parts)
        yield Intervals(coverage, values - half, values + half)


def _without_difficulty(predictions: OutOfFold) -> OutOfFold:
    return OutOfFold(
        predictions.rows, predictions.values, np.ones_like(predictions.expected_errors), predictions.labels
    )
