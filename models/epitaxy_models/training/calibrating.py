"""Calibrators of all served properties, from what a model says of rows that it never learned from."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.difficulty import most_even_shape
from epitaxy_models.calibration.group_quantiles import GroupFit
from epitaxy_models.calibration.groups import levels_of
from epitaxy_models.ensembles.readout import CalibratedReadout, Reading


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRows:
    """What a readout says of labelled rows.

    Attributes:
        labels: NaN if there is none, ``[n_rows, n_properties]``.
        values: Predicted values within the physical bounds, likewise.
        lower_bounds: Lowest possible values, likewise; -inf where there is none.
        expected_errors: Likewise.
        scores: Domain scores, ``[n_rows]``.
        cells: Groups, ``[n_rows]``.
    """

    labels: NDArray[np.float64]
    values: NDArray[np.float64]
    lower_bounds: NDArray[np.float64]
    expected_errors: NDArray[np.float64]
    scores: NDArray[np.float64]
    cells: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        readout: CalibratedReadout,
        readings: Sequence[Reading],
        labels: NDArray[np.float64],
        values: NDArray[np.float64] | None = None,
    ) -> "JudgedRows":
        """From readings; ``values`` stand for the ensemble's means where others are measured."""
        spreads = np.stack([reading.spread for reading in readings])
        scores = np.array([reading.domain.score for reading in readings])
        n_elements = np.array([reading.n_elements for reading in readings], dtype=np.int64)
        means = spreads[:, 0] if values is None else values
        uppers = [entry.definition.upper_bound for entry in readout.card.properties]
        lowest = np.stack([readout.lower_bounds(column, n_elements) for column in range(len(uppers))], axis=1)
        highest = np.array([np.inf if upper is None else upper for upper in uppers])
        return cls(
            labels=labels,
            values=np.clip(means, lowest, highest),
            lower_bounds=lowest,
            expected_errors=np.hypot(spreads[:, 1], spreads[:, 2]),
            scores=scores,
            cells=readout.cells(spreads[:, 0], scores, n_elements),
        )

    def take(self, rows: NDArray[np.bool_]) -> "JudgedRows":
        """Some of the rows."""
        return JudgedRows(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def are_elements(self) -> NDArray[np.bool_]:
        """Which rows are crystals of one element, ``[n_rows]``."""
        return np.asarray(levels_of(self.cells)[:, 0] == 0)


def fit_calibrators(held_out: JudgedRows, *elements: JudgedRows) -> list[list[Calibrator]]:
    """One calibrator a property, for each given set of crystals of one element.

    Shape and multipliers come from held-out rows, those of one group excepted: crystals of one element are too few
    there, so that those which some members left out of their training count as well.
    """
    by_property = [_calibrators(held_out, elements, column) for column in range(held_out.labels.shape[1])]
    return [list(one) for one in zip(*by_property, strict=True)]


def _calibrators(held_out: JudgedRows, elements: Sequence[JudgedRows], column: int) -> list[Calibrator]:
    known = np.isfinite(held_out.labels[:, column])
    labels, values, expected = (
        part[known, column] for part in (held_out.labels, held_out.values, held_out.expected_errors)
    )
    scores = held_out.scores[known]
    shape = most_even_shape(np.abs(labels - values), expected, scores)
    calibrator = Calibrator.fit(values, expected, labels, scores, shape)
    fit = GroupFit.of(*_standardized(held_out, column, calibrator))
    return [replace(calibrator, groups=fit.multipliers(*_standardized(rows, column, calibrator))) for rows in elements]


def _standardized(
    rows: JudgedRows, column: int, calibrator: Calibrator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Absolute errors over difficulties, and cells, of the rows with a label."""
    known = np.isfinite(rows.labels[:, column])
    difficulties = calibrator.difficulties(rows.expected_errors[known, column], rows.scores[known])
    errors = np.abs(rows.labels[known, column] - rows.values[known, column])
    return errors / difficulties, rows.cells[known]
