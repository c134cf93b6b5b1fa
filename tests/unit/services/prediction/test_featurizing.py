"""FeaturizeBlock: what campaigns learn from, one answer a structure."""

import numpy as np
import pytest
from tenant_rig import TenantRig, inputs_of

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy_models.testing.equivalent_cells import repeated
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, ESTIMATES, FIDELITIES, SUBSTRATE


def block_of(reply: backend_pb2.FeaturizeBlockResponse, name: str) -> np.ndarray:
    found = next(block for block in reply.blocks if block.name == name)
    return np.frombuffer(found.values, dtype="<f4").reshape(-1, found.width)


async def test_a_block_has_all_that_transfer_reads_and_neighbours_of_a_broken_structure(
    tenants: TenantRig, crystals, embedder
) -> None:
    bind_request(RequestContext("r-1", "acme"))
    good = [crystals[0], crystals[5], repeated(crystals[0], (1, 1, 2))]
    broken = StructureInput(id="broken", cif="data_x")
    asked = [*inputs_of(good[:2]), broken, *inputs_of(good[2:])]
    reply = await tenants.servicer.featurize(backend_pb2.FeaturizeBlockRequest(structures=asked))
    assert [bool(entry.error.reason) for entry in reply.structures] == [False, False, True, False]
    first, second, _, third = reply.structures
    assert first.key == third.key != second.key
    assert set(first.elements) == set(crystals[0].atomic_numbers.tolist())
    assert {block.name for block in reply.blocks} == {DESCRIPTORS, EMBEDDING, ESTIMATES, FIDELITIES, SUBSTRATE}
    artifact = tenants.rig.service.artifact
    assert reply.weights_digest == artifact.weights_digest
    expected = SubstrateFeatures(artifact).inputs_of(good, embedder)
    for name, block in expected.blocks.items():
        assert block_of(reply, name) == pytest.approx(block, rel=1e-3, abs=1e-3)
    columns = {block.name: list(block.columns) for block in reply.blocks}
    assert columns[SUBSTRATE] == list(artifact.card.heads)
    assert len(columns[FIDELITIES]) == block_of(reply, FIDELITIES).shape[1]
    request = backend_pb2.EvaluateRequest(options=PredictionOptions(), structures=asked)
    results = (await tenants.servicer.evaluate(request)).results
    values = [
        [entry.value for entry in result.prediction.values] for result in results.results if not result.error.reason
    ]
    told = np.stack([np.frombuffer(column.values, dtype="<f8") for column in reply.estimates], axis=1)
    assert told == pytest.approx(np.array(values))
    assert first.domain_score == results.results[0].prediction.domain.score


async def test_an_empty_block_names_the_substrate(tenants: TenantRig) -> None:
    bind_request(RequestContext("r-1", "acme"))
    reply = await tenants.servicer.featurize(backend_pb2.FeaturizeBlockRequest())
    assert reply.weights_digest == tenants.rig.service.artifact.weights_digest
    assert not reply.structures
    assert not reply.blocks
