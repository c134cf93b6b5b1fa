"""Tenants' models at the edge: another tenant's name is answered like one that does not exist, and goes no further."""

import json

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.models.v1.models_pb2 import GetModelRequest
from epitaxy.api.prediction.v1.explanation_pb2 import ExplainRequest
from epitaxy.api.prediction.v1.prediction_pb2 import EmbedRequest, PredictionOptions, PredictRequest, ScreenRequest
from epitaxy.chassis.api_keys import KeyHash, new_api_key

STRUCTURES = [StructureInput(id="s0", cif="good")]


@pytest.fixture
def keys():
    return {"acme": new_api_key(), "globex": new_api_key()}


@pytest.fixture
async def tenants_edge(start_edge, keys, tmp_path):
    tenants = {name: {"key_hashes": [str(KeyHash.of(key))]} for name, key in keys.items()}
    path = tmp_path / "tenants.json"
    path.write_text(json.dumps(tenants))
    path.chmod(0o600)
    return await start_edge(tenants_file=path)


def selector(name, **which):
    return ModelSelector(name=name, **which)


def calls(edge, model, key):
    """Every call that names a model."""
    metadata = (("authorization", f"Bearer {key}"),)
    options = PredictionOptions(model=model)
    message = ScreenRequest(options=options, structures=STRUCTURES)
    return {
        "Predict": edge.prediction.Predict(PredictRequest(options=options, structures=STRUCTURES), metadata=metadata),
        "Screen": edge.prediction.Screen(iter([message]), metadata=metadata).read(),
        "Embed": edge.prediction.Embed(EmbedRequest(model=model, structures=STRUCTURES), metadata=metadata),
        "Explain": edge.prediction.Explain(ExplainRequest(model=model, structures=STRUCTURES), metadata=metadata),
        "GetModel": edge.models.GetModel(GetModelRequest(model=model), metadata=metadata),
    }


@pytest.mark.parametrize(
    "model",
    [
        selector("globex/tc"),
        selector("globex/nothing", version="3"),
        selector("acme/", alias="candidate"),
        selector("/tc"),
    ],
)
async def test_a_name_outside_the_tenants_own_goes_no_further(tenants_edge, keys, backend, model):
    for method, call in calls(tenants_edge, model, keys["acme"]).items():
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND") as caught:
            await call
        assert caught.value.details() == f"no model named {model.name!r}: list the models to see yours", method
        info = error_details_pb2.ErrorInfo()
        assert any(detail.Unpack(info) for detail in rpc_status.from_call(caught.value).details)
        assert info.reason == "UNKNOWN_MODEL"
    assert backend.calls == []


@pytest.mark.parametrize("name", ["", "crystals", "acme/tc"])
async def test_own_and_shared_models_pass_with_the_tenant_of_the_key(tenants_edge, keys, backend, name):
    for call in calls(tenants_edge, selector(name), keys["acme"]).values():
        await call
    assert sorted(backend.calls) == ["embed", "explain", "model", "s0", "s0"]
    assert {metadata["x-tenant"] for metadata in backend.metadata} == {"acme"}


async def test_a_caller_cannot_send_a_tenant_of_his_own(tenants_edge, keys, backend):
    metadata = (("authorization", f"Bearer {keys['acme']}"), ("x-tenant", "globex"))
    await tenants_edge.prediction.Predict(PredictRequest(structures=STRUCTURES), metadata=metadata)
    assert backend.metadata[-1]["x-tenant"] == "acme"
    options = PredictionOptions(model=selector("globex/tc"))
    with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
        await tenants_edge.prediction.Predict(PredictRequest(options=options, structures=STRUCTURES), metadata=metadata)


async def test_without_tenants_everyone_is_the_local_one(edge, backend):
    await edge.models.GetModel(GetModelRequest(model=selector("local/tc")))
    with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
        await edge.models.GetModel(GetModelRequest(model=selector("acme/tc")))
    assert backend.calls == ["model"]
