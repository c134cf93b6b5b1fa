"""A refit is judged against the version that it may replace, on the same splits, each on its own substrate."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.data.synthetic_labels import nearest_neighbour_mean
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.testing.substrates import write_later_substrate
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.contest.succession import Refitted, inputs_on, judge_succession
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.pipeline import run_transfer
from epitaxy_models.transfer.predecessor import Predecessor
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies import EmbeddingRidge, PoolMedian

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
DISTANCE = PropertyDefinition("distance", "Angstrom", Fidelity.EXPERIMENT, "measured", "d", lower_bound=0.0)
QUICK = Field((EmbeddingRidge(), PoolMedian()))
N = 36


@pytest.fixture(scope="module", autouse=True)
def single_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def shipped():
    return load_artifact(shipped_model())


@pytest.fixture(scope="module")
def later_folder(tmp_path_factory):
    return write_later_substrate(tmp_path_factory.mktemp("later") / "substrate", "1000")


@pytest.fixture(scope="module")
def refit_request(later_folder, tmp_path_factory):
    every = [crystal.structure for crystal in bundled_crystals() if crystal.structure.n_sites <= 40]
    structures = [every[number] for number in np.random.default_rng(0).permutation(len(every))[:N]]
    labels = np.array([nearest_neighbour_mean(structure) for structure in structures])
    rows = [(f"row-{number}", structure) for number, structure in enumerate(structures)]
    out = tmp_path_factory.mktemp("job") / "out"
    return TransferRequest("distance", rows, labels, DISTANCE, out, transform="none", base=later_folder, seed=3)


def test_the_same_process_on_its_old_substrate_is_compared_row_by_row(refit_request, shipped, later_folder):
    old = Predecessor("4", shipped.label, "embedding_ridge", {"embedding_ridge": 1.0}, shipped)
    outcome = run_transfer(replace(refit_request, predecessor=old), field=QUICK)
    found = outcome.succession
    plain = run_transfer(
        replace(refit_request, base=shipped_model(), out=refit_request.out.with_name("plain")), field=QUICK
    )
    assert found.mae == pytest.approx(plain.maes["embedding_ridge"], rel=1e-6), "as a job on the old substrate has it"
    assert found.new_mae == pytest.approx(outcome.maes[outcome.chosen], rel=1e-6)
    assert found.gain == pytest.approx(found.mae - found.new_mae)
    assert found.gain_low < found.gain < found.gain_high
    assert (found.n_splits, found.version, found.base_model) == (15, "4", shipped.label)
    decided = "HELPS" if found.gain_low > 0 else "HURTS" if found.gain_high < 0 else "NEUTRAL"
    assert found.verdict == decided
    assert outcome.report["succession"]["sentence"] == found.sentence
    assert f"embedding_ridge on {shipped.label}" in found.sentence
    assert "on substrate-mp:1000" in found.sentence
    assert "Refit against version 4" in outcome.report_html.read_text()
    assert "Refit against" not in plain.report_html.read_text()
    assert plain.report["succession"] is None


def test_against_itself_nothing_is_gained_or_lost(refit_request, later_folder):
    same = load_artifact(later_folder)
    old = Predecessor("7", same.label, "embedding_ridge", {"embedding_ridge": 1.0}, same)
    found = run_transfer(
        replace(refit_request, predecessor=old), field=Field((PoolMedian(), EmbeddingRidge()))
    ).succession
    assert (found.gain, found.gain_low, found.gain_high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)
    assert found.verdict == "NEUTRAL"


def test_a_worse_refit_is_told_as_one(refit_request, shipped):
    old = Predecessor("4", shipped.label, "embedding_ridge", {}, shipped)
    found = run_transfer(replace(refit_request, predecessor=old), field=Field((PoolMedian(),))).succession
    assert found.verdict == "HURTS"
    assert found.gain_high < 0
    assert "errs more" in found.sentence


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"substrate": None}, "this server does not have substrate-mp:3"),
        ({"shares": {"gone": 1.0}}, "this release has no strategy gone"),
    ],
)
def test_what_cannot_be_compared_says_why(shipped, changes, reason):
    old = replace(Predecessor("4", "substrate-mp:3", "embedding_ridge", {"embedding_ridge": 1.0}, shipped), **changes)
    new = Refitted("substrate-mp:1000", None, None, "block_gp", "eV")
    found = judge_succession(old, new, time.monotonic(), lambda: False)
    assert (found.verdict, found.n_splits, found.gain) == ("", 0, None)
    assert found.sentence.endswith(f"{reason}.")


def test_blocks_that_do_not_depend_on_a_substrate_are_carried_over(refit_request, shipped, later_folder):
    later = load_artifact(later_folder)
    structures = [structure for _, structure in refit_request.rows[:4]]
    known = {"gap_pbe": np.array([0.1, np.nan, 2.0, 3.0])}
    new = SubstrateFeatures(later).inputs_of(structures, Embedder(later), known)
    expected = SubstrateFeatures(shipped).inputs_of(structures, Embedder(shipped), known)
    found = inputs_on(shipped, new)
    assert found.blocks.keys() == expected.blocks.keys()
    for name, block in expected.blocks.items():
        np.testing.assert_allclose(found.blocks[name], block, rtol=1e-6, atol=1e-9)
    assert np.abs(found.blocks["embedding"] - new.blocks["embedding"]).max() > 1e-3
