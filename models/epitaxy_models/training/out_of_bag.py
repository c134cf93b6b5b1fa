"""What members err on rows that they never saw against rows that they learned from: how far to trust their spread."""

import numpy as np
from numpy.typing import NDArray


def out_of_bag_errors(
    by_member: NDArray[np.float32], labels: NDArray[np.float64], weights: NDArray[np.float32]
) -> dict[str, float]:
    """Mean absolute errors of single members in the property's unit, over the same training rows.

    Args:
        by_member: Values, ``[n_members, n_rows]``.
        labels: NaN if there is none, ``[n_rows]``.
        weights: How often a member counted a row, 0 if it never saw it, ``[n_members, n_rows]``.

    Returns:
        ``out_of_bag_member_mae`` and ``in_bag_member_mae`` over the rows that some members saw and others did not;
        empty if there are none.
    """
    is_out = weights == 0
    rows = np.flatnonzero(np.isfinite(labels) & is_out.any(axis=0) & ~is_out.all(axis=0))
    if not len(rows):
        return {}
    errors, out = np.abs(by_member[:, rows] - labels[rows]), is_out[:, rows]
    # Each row counts once on either side, however many members left it out.
    outside = np.where(out, errors, 0.0).sum(axis=0) / out.sum(axis=0)
    inside = np.where(out, 0.0, errors).sum(axis=0) / (~out).sum(axis=0)
    return {"out_of_bag_member_mae": float(outside.mean()), "in_bag_member_mae": float(inside.mean())}
