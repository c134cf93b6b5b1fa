"""A search through the whole running stack finds what a screening of everything ranks first."""

from pathlib import Path

import numpy as np
import pytest
from product import Product, crystals_table

from epitaxy.client import Client
from epitaxy_models.data.crystals import write_cifs

pytestmark = pytest.mark.stack

K = 10


@pytest.mark.parametrize(("by", "sign"), [("band_gap:max", -1), ("formation_energy:min", 1)])
def test_the_best_of_a_search_are_those_of_a_whole_screening(
    product: Product, tmp_path: Path, by: str, sign: int
) -> None:
    pool = crystals_table(tmp_path, copies=4)
    name = by.partition(":")[0]
    with Client(product.target) as client:
        with client.search(pool, K, by) as found:
            best = found.best()  # before anything of the pool is in the cache
            summary = found.summary
            dropped_or_beaten = found.why(len(best))
        everything = [result for result in client.screen(pool) if result.error is None]
    ranked = sorted(everything, key=lambda result: sign * result[name].value)
    assert [result.id for result in best] == [result.id for result in ranked[:K]]
    np.testing.assert_allclose(
        [result[name].value for result in best], [result[name].value for result in ranked[:K]], atol=1e-5
    )
    assert summary.n_candidates == len(everything) + summary.refused
    assert summary.n_evaluated + summary.n_dropped == summary.n_candidates
    assert summary.recall_interval[0] <= summary.recall_estimate <= summary.recall_interval[1]
    assert summary.student_correlation is not None, "the shipped students have scored the pool"
    assert dropped_or_beaten.words


def test_a_folder_of_files_is_searched_by_their_headers(product: Product, tmp_path: Path) -> None:
    files = write_cifs(tmp_path / "crystals")
    with Client(product.target) as client:
        with client.search(
            tmp_path / "crystals", 3, "band_gap:max", where="formation_energy<0", per_formula=1
        ) as found:
            best = found.best()
        everything = [result for result in client.screen(tmp_path / "crystals") if result.error is None]
    allowed = [result for result in everything if result["formation_energy"].value < 0]
    ranked = sorted(allowed, key=lambda result: -result["band_gap"].value)
    first = {result.formula: result.id for result in reversed(ranked)}
    assert [result.id for result in best] == [result.id for result in ranked if first[result.formula] == result.id][:3]
    assert len(everything) == len(files)
