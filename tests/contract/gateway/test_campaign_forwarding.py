"""Campaigns are the campaign service's: it alone gets its calls and its secret, and its absence is its own."""

import json

import grpc
import pytest

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.api.campaigns.v1 import campaigns_pb2_grpc
from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.errors import NotFoundError
from epitaxy.chassis.status import from_trailing_metadata, to_rpc_status
from epitaxy_models.errors import ConfigurationError

CLAIMS = (("x-tenant", "globex"), ("x-gateway-secret", "mine"))


class ScriptedCampaigns(campaigns_pb2_grpc.CampaignServiceServicer):
    """Answers for the campaign "tc" and notes with which metadata it was called."""

    def __init__(self):
        self.metadata = []
        self.names = [f"c-{number}" for number in range(120)]
        self.deleted = []
        self.fault = None

    async def ListCampaigns(self, request, context):
        page = [pb.Campaign(spec=pb.CampaignSpec(name=name)) for name in self.names[: request.page_size or 50]]
        return pb.ListCampaignsResponse(campaigns=page)

    async def DeleteCampaign(self, request, context):
        if self.fault is not None:
            await context.abort(*self.fault)
        assert request.confirm
        self.names.remove(request.name)
        self.deleted.append(request.name)
        return pb.DeleteCampaignResponse()

    async def GetCampaign(self, request, context):
        await self._note(request.name, context)
        return pb.GetCampaignResponse(campaign=pb.Campaign(spec=pb.CampaignSpec(name=request.name)))

    async def ExportCampaign(self, request, context):
        await self._note(request.name, context)
        for chunk in (b"{", b"}"):
            yield pb.ExportCampaignResponse(chunk=chunk, total_bytes=2)

    async def _note(self, name, context):
        self.metadata.append([(item.key, item.value) for item in context.invocation_metadata()])
        if name != "tc":
            status = to_rpc_status(NotFoundError(f"there is no campaign {name}", reason="CAMPAIGN_NOT_FOUND"))
            await context.abort(status.code, status.details, status.trailing_metadata)


class ScriptedFineTune(finetune_pb2_grpc.FineTuneServiceServicer):
    def __init__(self):
        self.metadata = []
        self.confirmations = []

    async def GetFineTuneJob(self, request, context):
        self.metadata.append({item.key: item.value for item in context.invocation_metadata()})
        return finetune_pb2.GetFineTuneJobResponse(job=finetune_pb2.FineTuneJob(id=request.job_id))

    async def DeleteTenantData(self, request, context):
        self.confirmations.append(request.confirm)
        return finetune_pb2.DeleteTenantDataResponse(n_jobs=3, n_models=2)


@pytest.fixture
def campaigns():
    return ScriptedCampaigns()


@pytest.fixture
def finetune():
    return ScriptedFineTune()


@pytest.fixture
async def start(stack, start_edge, campaigns, finetune, tmp_path):
    async def serve(add, servicer):
        server = grpc.aio.server()
        add(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        stack.push_async_callback(server.stop, None)
        return f"127.0.0.1:{port}"

    async def begin(**changes):
        options = {}
        for name, add, servicer in (
            ("campaigns", campaigns_pb2_grpc.add_CampaignServiceServicer_to_server, campaigns),
            ("finetune", finetune_pb2_grpc.add_FineTuneServiceServicer_to_server, finetune),
        ):
            secret = tmp_path / f"{name}-secret"
            secret.write_text(f"of {name}\n")
            options |= {f"{name}_upstream": await serve(add, servicer), f"{name}_secret_file": secret}
        return await start_edge(**(options | changes))

    return begin


def stub(edge):
    return campaigns_pb2_grpc.CampaignServiceStub(edge.channel)


async def failure(awaitable):
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await awaitable
    return caught.value


async def exported(edge, name="tc", **options):
    call = stub(edge).ExportCampaign(pb.ExportCampaignRequest(name=name), **options)
    return b"".join([message.chunk async for message in call])


async def test_calls_and_streams_reach_the_campaign_service_with_its_own_secret(start, campaigns, finetune):
    edge = await start()
    response = await stub(edge).GetCampaign(pb.GetCampaignRequest(name="tc"), metadata=CLAIMS)
    assert response.campaign.spec.name == "tc"
    assert await exported(edge, metadata=CLAIMS) == b"{}"
    for seen in campaigns.metadata:
        assert [value for key, value in seen if key == "x-gateway-secret"] == ["of campaigns"]
        assert [value for key, value in seen if key == "x-tenant"] == ["local"]
    jobs = finetune_pb2_grpc.FineTuneServiceStub(edge.channel)
    await jobs.GetFineTuneJob(finetune_pb2.GetFineTuneJobRequest(job_id="ft-1"))
    assert [seen["x-gateway-secret"] for seen in finetune.metadata] == ["of finetune"]
    samples = await edge.metrics()
    assert samples['epitaxy_gateway_upstream_seconds_count{code="OK",method="ExportCampaign"}'] == 1


async def test_the_tenant_is_the_keys_and_without_a_key_nothing_passes(start, campaigns, tmp_path):
    key = new_api_key()
    (tmp_path / "tenants.json").write_text(json.dumps({"acme": {"key_hashes": [str(KeyHash.of(key))]}}))
    (tmp_path / "tenants.json").chmod(0o600)
    edge = await start(tenants_file=tmp_path / "tenants.json")
    request = pb.GetCampaignRequest(name="tc")
    for call in (stub(edge).GetCampaign(request, metadata=CLAIMS), exported(edge, metadata=CLAIMS)):
        assert (await failure(call)).code() is grpc.StatusCode.UNAUTHENTICATED
    assert campaigns.metadata == []
    await stub(edge).GetCampaign(request, metadata=(*CLAIMS, ("authorization", f"Bearer {key}")))
    (seen,) = campaigns.metadata
    assert [value for name, value in seen if name == "x-tenant"] == ["acme"]
    assert not [value for name, value in seen if name == "authorization"]


async def test_what_the_campaign_service_refuses_comes_out_whole(start):
    edge = await start()
    for call in (stub(edge).GetCampaign(pb.GetCampaignRequest(name="other")), exported(edge, "other")):
        error = await failure(call)
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "there is no campaign other")
        assert from_trailing_metadata(error.trailing_metadata()).reason == "CAMPAIGN_NOT_FOUND"


async def test_without_a_campaign_service_everything_else_is_answered(start, unused_tcp_port):
    edge = await start(campaigns_upstream="")
    error = await failure(stub(edge).GetCampaign(pb.GetCampaignRequest(name="tc")))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "campaigns are not set up on this server: ask its operator"
    assert from_trailing_metadata(error.trailing_metadata()).reason == "CAMPAIGNS_NOT_CONFIGURED"
    edge = await start(campaigns_upstream=f"127.0.0.1:{unused_tcp_port}")
    error = await failure(stub(edge).GetCampaign(pb.GetCampaignRequest(name="tc")))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == "the campaign service cannot be reached at the moment"
    jobs = finetune_pb2_grpc.FineTuneServiceStub(edge.channel)
    assert (await jobs.GetFineTuneJob(finetune_pb2.GetFineTuneJobRequest(job_id="ft-1"))).job.id == "ft-1"
    embedded = await edge.prediction.Embed(prediction_pb2.EmbedRequest(structures=[{"id": "a", "cif": "good"}]))
    assert embedded.dimension == 2


async def test_a_secret_that_cannot_be_read_stops_the_start(start, tmp_path):
    with pytest.raises(ConfigurationError, match=r"the campaign secret .* cannot be read: No such file"):
        await start(campaigns_secret_file=tmp_path / "nothing")


def deletion(edge, *, confirm=True):
    request = finetune_pb2.DeleteTenantDataRequest(confirm=confirm)
    return finetune_pb2_grpc.FineTuneServiceStub(edge.channel).DeleteTenantData(request)


async def test_deleting_a_tenants_data_deletes_the_campaigns_too(start, campaigns, finetune):
    edge = await start()
    assert await deletion(edge) == finetune_pb2.DeleteTenantDataResponse(n_jobs=3, n_models=2)
    assert (len(campaigns.deleted), campaigns.names, finetune.confirmations) == (120, [], [True])


async def test_a_deletion_without_confirmation_deletes_no_campaign(start, campaigns, finetune):
    await deletion(await start(), confirm=False)
    assert (campaigns.deleted, finetune.confirmations) == ([], [False])


async def test_a_deletion_that_cannot_reach_the_campaigns_deletes_nothing_and_says_so(start, campaigns, finetune):
    edge = await start()
    campaigns.fault = (grpc.StatusCode.UNAVAILABLE, "")
    assert (await failure(deletion(edge))).code() is grpc.StatusCode.UNAVAILABLE
    assert finetune.confirmations == []
    edge = await start(campaigns_upstream="")
    assert (await deletion(edge)).n_jobs == 3
