"""Every public RPC under bytes that are not its request: refused as INVALID_ARGUMENT, by the gateway or behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from prometheus_client import CollectorRegistry

from epitaxy.api.account.v1 import account_pb2, administration_pb2
from epitaxy.api.campaigns.v1 import campaigns_pb2, campaigns_pb2_grpc
from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.api.measurements.v1 import measurements_pb2
from epitaxy.api.models.v1 import governance_pb2, governance_pb2_grpc, models_pb2
from epitaxy.api.prediction.v1 import prediction_pb2, structures_pb2
from epitaxy.chassis.gateway_trust import inner_server
from epitaxy.chassis.metrics import RpcMetrics
from epitaxy.chassis.status import from_trailing_metadata
from epitaxy.gateway.server import Gateway
from epitaxy.gateway.settings import GatewaySettings

FILES = (
    account_pb2, administration_pb2, prediction_pb2, structures_pb2, models_pb2, measurements_pb2, finetune_pb2,
    governance_pb2, campaigns_pb2,
)  # fmt: skip
METHODS = [
    method for file in FILES for service in file.DESCRIPTOR.services_by_name.values() for method in service.methods
]
# A field that is cut off, a group that nobody opened, a number without an end, a field of number 0.
TORN = (b"\x0a\xff", b"\x0c", b"\x80" * 11, b"\x00\x00")


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    """To a gateway, behind which services stand that refuse whatever they can read as UNIMPLEMENTED."""
    secret = tmp_path / "secret"
    secret.write_text("open sesame")
    secret.chmod(0o600)
    inner = inner_server(RpcMetrics(CollectorRegistry(), "inner"), "open sesame", 30.0, 16 << 20)
    finetune_pb2_grpc.add_FineTuneServiceServicer_to_server(finetune_pb2_grpc.FineTuneServiceServicer(), inner)
    governance_pb2_grpc.add_ModelGovernanceServiceServicer_to_server(
        governance_pb2_grpc.ModelGovernanceServiceServicer(), inner
    )
    campaigns_pb2_grpc.add_CampaignServiceServicer_to_server(campaigns_pb2_grpc.CampaignServiceServicer(), inner)
    address = f"127.0.0.1:{inner.add_insecure_port('127.0.0.1:0')}"
    await inner.start()
    behind: dict[str, str | Path] = {
        "finetune_upstream": address,
        "finetune_secret_file": secret,
        "campaigns_upstream": address,
        "campaigns_secret_file": secret,
    }
    settings = GatewaySettings(port=0, metrics_port=0, upstream="127.0.0.1:1", shutdown_grace_seconds=0.2, **behind)
    async with Gateway(settings) as gateway, grpc.aio.insecure_channel(gateway.address) as channel:
        yield channel
    await inner.stop(None)


async def fault_of(channel: grpc.aio.Channel, method: MethodDescriptor, content: bytes) -> grpc.aio.AioRpcError:
    path = f"/{method.containing_service.full_name}/{method.name}"
    if method.client_streaming:
        answer = anext(aiter(channel.stream_stream(path)(iter([content]), timeout=20)))
    elif method.server_streaming:
        answer = anext(aiter(channel.unary_stream(path)(content, timeout=20)))
    else:
        answer = channel.unary_unary(path)(content, timeout=20)
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await answer
    return caught.value


async def test_torn_bytes_are_a_mistake_of_the_caller_in_every_call(channel: grpc.aio.Channel) -> None:
    wrong = []
    for method in METHODS:
        # protobuf skips a field of number 0 in a message that has no fields.
        for content in TORN if method.input_type.fields else TORN[:-1]:
            fault = await fault_of(channel, method, content)
            is_ours = from_trailing_metadata(fault.trailing_metadata()) is not None
            says_so = f"is not a valid {method.input_type.full_name}" in (fault.details() or "")
            if not (fault.code() is grpc.StatusCode.INVALID_ARGUMENT and is_ours and says_so):
                wrong.append((method.full_name, content, fault.code().name, fault.details()))
    assert wrong == []
    assert len(METHODS) > 30
