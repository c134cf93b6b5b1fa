"""Inside a running stack: whoever reaches Serve without the secret of the stack is not believed."""

from pathlib import Path

import grpc
import psutil
import pytest
from product import Product

from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2_grpc as backend_pb2_grpc
from epitaxy.chassis.signed_calls import signed
from epitaxy.client import Client
from loadtest.processes import descendants

pytestmark = pytest.mark.stack

REQUEST = backend_pb2.ListServedModelsRequest(page_size=1)
CLAIMS = (("application", "prediction"), ("x-tenant", "acme"))


def test_serves_ingress_believes_signed_calls_only(product: Product) -> None:
    run = Path(product.endpoints()["ray"]["logs"]).parents[2]
    secret = (run / "gateway-secret").read_text()
    with grpc.insecure_channel(product.endpoints()["prediction"]["grpc"]) as channel:
        stub = backend_pb2_grpc.PredictionBackendServiceStub(channel)
        stub.ListServedModels(REQUEST, metadata=(*CLAIMS, *signed(secret, "acme", "ListServedModels")), timeout=20)
        for proof in ((), signed("guess", "acme", "ListServedModels"), signed(secret, "globex", "ListServedModels")):
            for call in (stub.ListServedModels, stub.Evaluate, stub.FeaturizeBlock):
                request = REQUEST if call is stub.ListServedModels else backend_pb2.EvaluateRequest()
                if call is stub.FeaturizeBlock:
                    request = backend_pb2.FeaturizeBlockRequest()
                with pytest.raises(grpc.RpcError) as caught:  # its code says more than its text
                    call(request, metadata=(*CLAIMS, *proof), timeout=20)
                assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with Client(product.target) as client:
        assert client.list_models()


def test_nothing_of_the_stack_listens_beyond_loopback(product: Product) -> None:
    processes = [psutil.Process(pid) for pid in (product.process.pid, *descendants(product.process.pid))]
    found = [one.laddr for process in processes for one in process.net_connections("tcp") if one.status == "LISTEN"]
    # The last is how Ray's own processes write the first.
    assert {address.ip for address in found} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
