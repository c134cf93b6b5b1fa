"""A whole job on labels at several temperatures, some of them bounds."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.data.synthetic_labels import nearest_neighbour_mean
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.transfer.conditions.condition import ConditionColumn
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.features import SubstrateFeatures, under_conditions
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.inputs import LOW_FIDELITY_PREFIX
from epitaxy_models.transfer.labels.censoring import Side
from epitaxy_models.transfer.physics.law import values_of
from epitaxy_models.transfer.physics.limits import KnownOrder
from epitaxy_models.transfer.physics.thermal import Arrhenius
from epitaxy_models.transfer.pipeline import run_transfer
from epitaxy_models.transfer.request import TransferOutcome, TransferRequest
from epitaxy_models.transfer.strategies import EmbeddingRidge, PoolMedian

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")

LAW = Arrhenius("temperature")
SIGMA = PropertyDefinition("ionic_conductivity", "S/cm", Fidelity.EXPERIMENT, "measured", "of lithium")
CRYSTALS = [crystal.structure for crystal in bundled_crystals()[:18]]
# A barrier that falls with the distance between neighbours.
BARRIERS = np.array([0.9 - 0.15 * nearest_neighbour_mean(structure) for structure in CRYSTALS])
TEMPERATURES = np.array([300.0, 350.0, 420.0])


def _sigma(crystals: np.ndarray, kelvin: np.ndarray) -> np.ndarray:
    return values_of(LAW, np.stack([np.full(len(crystals), 9.0), BARRIERS[crystals]], axis=1), kelvin)


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> TransferRequest:
    """Twelve crystals at three temperatures; what conducts less than the instrument sees is a bound."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("physics")
    base = folder / "base"
    shutil.copytree(shipped_model(), base, ignore=shutil.ignore_patterns("source-index*"))
    crystals, kelvin = np.repeat(np.arange(12), 3), np.tile(TEMPERATURES, 12)
    truth = _sigma(crystals, kelvin) * np.exp(0.1 * np.random.default_rng(0).normal(size=36))
    limit = np.quantile(truth, 0.15)
    return TransferRequest(
        "sigma",
        [(f"row-{row}", CRYSTALS[crystal]) for row, crystal in enumerate(crystals)],
        np.maximum(truth, limit),
        SIGMA,
        folder / "out",
        transform="log10",
        base=base,
        conditions={"temperature": ConditionColumn(kelvin, "K")},
        sides=np.where(truth < limit, Side.BELOW, Side.AT).astype(np.int8),
    )


@pytest.fixture(scope="module")
def outcome(request_: TransferRequest) -> TransferOutcome:
    # The law is not named: conductivity and temperature say it.
    return run_transfer(request_, field=Field((EmbeddingRidge(), PoolMedian())))


def test_the_law_competes_unasked_and_wins_where_it_holds(outcome: TransferOutcome) -> None:
    alone = {name: error for name, error in outcome.maes.items() if name != "stack"}
    assert min(alone, key=alone.__getitem__) == "physics_process"
    assert outcome.chosen in {"physics_process", "stack"}
    assert outcome.maes[outcome.chosen] < 0.7 * outcome.maes["pool_median"]


def test_bounds_are_told_kept_and_not_calibrated_on(outcome: TransferOutcome) -> None:
    details = outcome.report["data"]["details"]
    assert (details["n_upper_bounds"], details["n_lower_bounds"]) == (6, 0)
    assert "6 labels are bounds" in " ".join(outcome.report["data"]["warnings"])
    parity = outcome.report["parity"]
    assert sum(row["side"] == -1 for row in parity) == 6
    assert outcome.report["calibration"]["n_rows"] == 30


def test_the_served_model_extrapolates_and_stays_positive(outcome: TransferOutcome, request_: TransferRequest) -> None:
    model = TransferModel.load(outcome.model)
    assert model.card.definition.lower_bound == 0.0
    artifact = load_artifact(request_.base)
    new = np.arange(12, 18)
    plain = SubstrateFeatures(artifact).inputs_of([CRYSTALS[crystal] for crystal in new], Embedder(artifact))
    asked = under_conditions(plain, model.card.conditions, {"temperature": np.full(6, 700.0)})
    answer = model.predict(asked, 0.9)
    errors = np.abs(np.log10(answer.values[:, 0] / _sigma(new, np.full(6, 700.0))))
    assert np.median(errors) < 0.5
    assert (answer.lower >= 0).all()
    assert (answer.lower <= answer.values).all()
    assert (answer.values <= answer.upper).all()


def test_a_stated_partner_is_never_passed(outcome: TransferOutcome) -> None:
    model = TransferModel.load(outcome.model)
    ordered = replace(model, card=replace(model.card, orders=(KnownOrder("voigt", is_under=True),)))
    artifact = load_artifact(shipped_model())
    plain = SubstrateFeatures(artifact).inputs_of(CRYSTALS[:3], Embedder(artifact))
    asked = under_conditions(plain, model.card.conditions, {"temperature": np.full(3, 400.0)})
    free = model.predict(asked, 0.9)
    stated = np.array([[free.values[0, 0] / 2, 1.0], [free.upper[1, 0] * 2, 1.0], [0.0, 0.0]])
    asked = replace(asked, blocks={**asked.blocks, f"{LOW_FIDELITY_PREFIX}voigt": stated})
    found = ordered.predict(asked, 0.9)
    assert found.values[0, 0] == found.upper[0, 0] == stated[0, 0]
    np.testing.assert_array_equal(found.upper[1:], free.upper[1:])
