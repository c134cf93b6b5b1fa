"""Intervals of tenants' models: what a job chooses on few labels, measured on formulas that it never saw.

One file a draw, so that a run that was stopped goes on where it was, and that ``loadtest.transfer`` can make them too.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.out_of_fold import OutOfFold, calibrate
from epitaxy_models.calibration.report import REPORTED, CalibrationReport, Intervals, calibration_report
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.transfer.contest.field import default_field
from loadtest.transfer import serve
from loadtest.transfer_draws import Draw, draw_path
from loadtest.transfer_targets import TARGETS, Target, read_pool

N_POOL = 2500
NOMINAL = tuple(float(c) for c in np.round(np.arange(0.5, 0.991, 0.01), 2))


def tenant_reports(
    data: Path, work: Path, kept: Path, n_labels: int, n_seeds: int, targets: Sequence[str] = ()
) -> dict[str, CalibrationReport]:
    """One report a target, over the test rows of all its draws; ``kept`` is the folder that holds them."""
    reports = {}
    for target in TARGETS:
        if (data / target.file).exists() and (not targets or target.name in targets):
            draws = list(_draws(target, data, work, kept, n_labels, n_seeds))
            reports[target.name] = report_of(draws)
    return reports


def _draws(target: Target, data: Path, work: Path, kept: Path, n_labels: int, n_seeds: int) -> Iterator[Draw]:
    artifact, pool = load_artifact(shipped_model()), None
    for seed in range(n_seeds):
        path = draw_path(kept, artifact.weights_digest, target.name, N_POOL, n_labels, seed)
        if not path.exists():
            pool = pool or read_pool(target, data, work, N_POOL)
            # A job knows which columns state the labels' own quantity.
            field = default_field(artifact).told(0.0, pool.kin(artifact))
            serve(pool, n_labels, seed, field).draw.save(path)
            print(f"{target.name}: model {seed + 1} of {n_seeds} measured", flush=True)
        yield Draw.load(path)


def report_of(draws: Sequence[Draw]) -> CalibrationReport:
    """Over the test rows of all draws, each with the calibration of its own model."""
    labels, values = (np.concatenate([getattr(draw, name) for draw in draws]) for name in ("truth", "values"))
    calibrators = [calibrate(draw.predictions) for draw in draws]
    plain = [calibrate(_without_difficulty(draw.predictions)) for draw in draws]
    ones = [np.ones_like(draw.expected_errors) for draw in draws]
    expected = [draw.expected_errors for draw in draws]
    stds = np.concatenate([c.stds(e) for c, e in zip(calibrators, expected, strict=True)])
    intervals = list(_intervals(values, calibrators, expected, NOMINAL))
    constant = {entry.nominal: entry for entry in _intervals(values, plain, ones, REPORTED)}
    numbers = np.repeat(np.arange(len(draws)), [len(draw.truth) for draw in draws])
    groups = {f"draw {number}": numbers == number for number in range(len(draws))}
    return calibration_report(labels, values, stds, intervals, constant, groups)


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
