"""Measured upper bounds of ionic conductivities, where the shared data are there."""

from pathlib import Path

import numpy as np
import pytest

from epitaxy_models.structures import check_structure, structure_from_column
from epitaxy_models.transfer.labels.censoring import Side
from epitaxy_models.transfer.labels.check import check_labels

OBELIX = Path(__file__).parents[5] / "shared" / "data" / "obelix_solid_electrolytes.parquet"


@pytest.mark.skipif(not OBELIX.exists(), reason="the shared data are not there")
def test_measured_bounds_are_told_and_contradict_nothing() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(OBELIX).dropna(subset=["structure"])
    rows = [(row.id, check_structure(structure_from_column(row.structure)).structure) for row in table.itertuples()]
    sides = np.where(table.is_upper_bound, Side.BELOW, Side.AT).astype(np.int8)
    labels = table.ionic_conductivity_S_cm.to_numpy(dtype=np.float64)
    found = check_labels(rows, labels, "S/cm", transform="log10", sides=sides)
    check = found.check
    assert check.n_upper_bounds == int((found.sides == Side.BELOW).sum()) > 5
    assert check.n_lower_bounds == 0
    assert not {entry.row for entry in check.suspicious} & set(np.flatnonzero(sides).tolist())
    assert check.obstacle is None
