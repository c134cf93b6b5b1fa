"""A tenant's model of labels that are 0 or 1 answers with a probability."""

import numpy as np
import pytest

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.pipeline import run_material_transfer
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies.median import PoolMedian
from epitaxy_models.transfer.strategies.ridge import EmbeddingRidge

KIND = MaterialKind.COMPOSITION
METALS = [f"{a}{b}{n}" for a in ("Fe", "Co", "Ni") for b in ("Cu", "Al", "Ti") for n in (1, 2)]
OTHERS = [f"{a}{b}{n}" for a in ("Fe", "Co", "Ni") for b in ("O", "S", "Cl") for n in (1, 2)]


def sample(text: str) -> Sample:
    return Sample(KIND, read_material(KIND, text).material)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> TransferModel:
    request = TransferRequest(
        "metals",
        [(text, sample(text).as_row()) for text in (*METALS, *OTHERS)],
        np.array([1.0] * len(METALS) + [0.0] * len(OTHERS)),
        PropertyDefinition("is_metal", "1", Fidelity.EXPERIMENT, "measured", "", 0.0, 1.0),
        tmp_path_factory.mktemp("job") / "out",
        are_classes=True,
    )
    return TransferModel.load(run_material_transfer(request, KIND, field=Field((EmbeddingRidge(), PoolMedian()))).model)


async def test_the_served_value_is_the_probability_and_the_interval_bounds_it(tenants, model):
    tenants.publish("acme/metals", model)
    bind_request(RequestContext("r-1", "acme"))
    inputs = [StructureInput(id=text, composition=text) for text in ("Co3Al", "CoAl3", "Ni3S2", "FeClO")]
    options = PredictionOptions(model=ModelSelector(name="acme/metals"), coverage=0.9)
    block = (await tenants.servicer.evaluate(backend_pb2.EvaluateRequest(options=options, structures=inputs))).results
    (stamp,) = block.properties
    assert (stamp.definition.is_probability, stamp.definition.unit) == (True, "1")
    assert (stamp.calibration.nominal_coverage, stamp.calibration.n_calibration) == (0, len(METALS) + len(OTHERS))
    assert "rate of ones" in stamp.calibration.method
    found = [result.prediction.values[0] for result in block.results]
    values = [one.value for one in found]
    assert min(values[:2]) > 0.6
    assert max(values[2:]) < 0.4
    assert all(0 < one.interval.lower < one.value < one.interval.upper < 1 for one in found)
    # As the model answers by itself, and never the score.
    own = model.predict(MaterialFeatures.shipped(KIND).inputs_of([sample(one.id) for one in inputs]), 0.9)
    assert values == pytest.approx(own.values[:, 0].tolist(), abs=1e-4)
    card = await tenants.card("acme", "acme/metals")
    metrics = card.properties[0].metrics
    assert {"auc", "brier", "cv_brier/embedding_ridge", "cv_auc/pool_median"} <= set(metrics)
    assert not [name for name in metrics if name.startswith("cv_mae")]
    assert all(result.prediction.domain.verdict for result in block.results)
