"""Makes the scales of students honest, on crystals that they did not see."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.search.columns import CandidateColumns
from epitaxy_models.search.students import Stage, Students

# A scale that a few calibration crystals call perfect is not.
_LEAST_FACTOR = 1e-3


def calibrated(students: Students, columns: CandidateColumns, wanted: NDArray[np.float32]) -> Students:
    """The students with factors for their scales, and tables of their errors, by stage.

    Args:
        students: What they predict stays as it is.
        columns: Crystals that they did not see, with volumes.
        wanted: The ensemble's answers to these, ``[n, n_quantities]``.
    """
    plain = replace(students, scale_factors=np.ones((len(Stage), len(students.quantities)), dtype=np.float32))
    factors, tables = [], []
    for stage in Stage:
        scores = plain.score(seen_at(stage, columns))
        is_known = np.isfinite(scores.values).all(axis=1)
        errors = ((wanted - scores.values) / scores.scales)[is_known]
        factor, table = standardized(errors)
        factors.append(factor)
        tables.append(table)
    return replace(
        students,
        scale_factors=np.array(factors, dtype=np.float32),
        residuals=np.array(tables, dtype=np.float32),
    )


def standardized(errors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Factors of the scales ``[n_quantities]``, and errors over the new scales, ascending ``[n_quantities, n]``.

    The scale is that of a Laplace distribution: the mean size of an error.
    """
    factor = np.maximum(np.abs(errors).mean(axis=0), _LEAST_FACTOR).astype(np.float32)
    return factor, np.sort(errors / factor, axis=0).T.astype(np.float32)


def seen_at(stage: Stage, columns: CandidateColumns) -> CandidateColumns:
    """The candidates as a stage sees them."""
    return columns if stage is Stage.PACKING else replace(columns, volumes=np.full(len(columns), np.nan))
