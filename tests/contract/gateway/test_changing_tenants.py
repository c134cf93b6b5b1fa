"""Keys that come, go, end, and may do less than others: with a gateway that goes on running."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from epitaxy.api.campaigns.v1 import campaigns_pb2, campaigns_pb2_grpc
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.api.models.v1.models_pb2 import ListModelsRequest
from epitaxy.api.prediction.v1.prediction_pb2 import PredictRequest
from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.status import from_trailing_metadata

ONE = PredictRequest(structures=[StructureInput(id="s0", cif="good")])


@pytest.fixture
def write(tmp_path):
    """Replaces the tenants file as editors and kubelets do: by another file under its name."""

    def replace(content):
        fresh = tmp_path / "fresh"
        fresh.write_text(content if isinstance(content, str) else json.dumps(content))
        fresh.chmod(0o600)
        fresh.replace(tmp_path / "tenants.json")
        return tmp_path / "tenants.json"

    return replace


def line(key):
    return str(KeyHash.of(key))


async def reason(edge, key):
    """Why a prediction with this key fails; empty if it does not."""
    try:
        await edge.prediction.Predict(ONE, metadata=bearer(key))
    except grpc.aio.AioRpcError as error:
        return from_trailing_metadata(error.trailing_metadata()).reason
    return ""


def bearer(key):
    return (("authorization", f"Bearer {key}"),)


async def becomes(expected, ask):
    async with asyncio.timeout(5):
        while await ask() != expected:  # noqa: ASYNC110  # the condition lies across a network
            await asyncio.sleep(0.05)


async def test_keys_are_rotated_while_the_gateway_runs_and_a_bad_file_changes_nothing(start_edge, write, caplog):
    old, new = new_api_key(), new_api_key()
    edge = await start_edge(tenants_file=write({"acme": {"key_hashes": [line(old)]}}), tenants_poll_seconds=0.05)
    assert (await reason(edge, old), await reason(edge, new)) == ("", "INVALID_API_KEY")
    write({"acme": {"key_hashes": [line(old), line(new)], "structures_per_minute": 1000}})
    await becomes("", lambda: reason(edge, new))
    assert await reason(edge, old) == ""
    write({"acme": {"key_hashes": [line(new)]}})
    await becomes("INVALID_API_KEY", lambda: reason(edge, old))
    for bad in ("", "{}", '{"acme": ', json.dumps({"acme": {"key_hashes": []}}), '{"a": 1, "a": 2}'):
        write(bad)
        await asyncio.sleep(0.2)
        assert await reason(edge, new) == ""
    assert sum("the keys of before stay valid" in record.getMessage() for record in caplog.records) == 5
    (write({"acme": {"key_hashes": [line(old)]}})).chmod(0o644)
    await asyncio.sleep(0.2)
    assert await reason(edge, old) == "INVALID_API_KEY", "a file that others can read is not taken over"


async def test_a_changed_limit_holds_from_then_on(start_edge, write):
    key = new_api_key()
    record = {"key_hashes": [line(key)]}
    edge = await start_edge(tenants_file=write({"acme": record}), tenants_poll_seconds=0.05)
    assert await reason(edge, key) == ""
    write({"acme": record | {"structures_per_minute": 1}})
    await becomes("QUOTA_EXCEEDED", lambda: reason(edge, key))
    write({"acme": record})
    await becomes("", lambda: reason(edge, key))


async def test_a_key_ends_at_its_time(start_edge, write):
    key, ended = new_api_key(), new_api_key()
    soon = datetime.now(UTC) + timedelta(seconds=2)
    keys = [
        {"hash": line(key), "expires_at": soon.isoformat()},
        {"hash": line(ended), "expires_at": "2026-01-01T00:00:00+02:00"},
    ]
    edge = await start_edge(tenants_file=write({"acme": {"keys": keys}}))
    assert (await reason(edge, key), await reason(edge, ended)) == ("", "EXPIRED_API_KEY")
    await asyncio.sleep(2.1)
    assert await reason(edge, key) == "EXPIRED_API_KEY"


async def test_a_key_may_do_what_its_scopes_say_and_one_without_scopes_all_that_tenants_do(start_edge, write):
    predicts, tunes, every = (new_api_key() for _ in range(3))
    keys = [{"hash": line(predicts), "scopes": ["predict"]}, {"hash": line(tunes), "scopes": ["finetune", "campaigns"]}]
    edge = await start_edge(tenants_file=write({"acme": {"key_hashes": [line(every)], "keys": keys}}))
    jobs = finetune_pb2_grpc.FineTuneServiceStub(edge.channel)
    campaigns = campaigns_pb2_grpc.CampaignServiceStub(edge.channel)
    calls = {
        "predict": lambda key: edge.prediction.Predict(ONE, metadata=bearer(key)),
        "models": lambda key: edge.models.ListModels(ListModelsRequest(), metadata=bearer(key)),
        "finetune": lambda key: jobs.GetFineTuneJob(finetune_pb2.GetFineTuneJobRequest(), metadata=bearer(key)),
        "campaigns": lambda key: campaigns.GetCampaign(campaigns_pb2.GetCampaignRequest(), metadata=bearer(key)),
    }

    async def outcome(name, key):
        try:
            await calls[name](key)
        except grpc.aio.AioRpcError as error:
            return from_trailing_metadata(error.trailing_metadata()).reason
        return "OK"

    assert {name: await outcome(name, predicts) for name in calls} == {
        "predict": "OK",
        "models": "OK",
        "finetune": "MISSING_SCOPE",
        "campaigns": "MISSING_SCOPE",
    }
    # Neither service is there: what may pass is refused by its absence.
    absent = {"finetune": "FINETUNE_NOT_CONFIGURED", "campaigns": "CAMPAIGNS_NOT_CONFIGURED"}
    denied = dict.fromkeys(("predict", "models"), "MISSING_SCOPE")
    assert {name: await outcome(name, tunes) for name in calls} == denied | absent
    assert {name: await outcome(name, every) for name in calls} == {"predict": "OK", "models": "OK"} | absent
