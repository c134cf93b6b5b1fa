"""Limits, administration and the log of all tenants: a real gateway before a real fine-tune service, by the client."""

import asyncio
import json
import re
import urllib.request
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.cli.app import app
from epitaxy.client import AsyncClient, InvalidRequestError, UnauthenticatedError
from epitaxy.gateway.server import Gateway
from epitaxy.gateway.settings import GatewaySettings

ENDS = datetime(2030, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def keys():
    return {name: new_api_key() for name in ("acme", "globex", "predicts", "auditor")}


@pytest.fixture
def tenants_file(keys, tmp_path):
    line = {name: str(KeyHash.of(key)) for name, key in keys.items()}
    content = {
        "acme": {
            "key_hashes": [line["acme"]],
            "keys": [{"hash": line["predicts"], "scopes": ["predict"], "expires_at": ENDS.isoformat()}],
            "structures_per_minute": 1000,
            "max_concurrent_screens": 3,
            "weight": 2.5,
        },
        "globex": {"key_hashes": [line["globex"]]},
        "audit": {"keys": [{"hash": line["auditor"], "scopes": ["admin"]}]},
    }
    path = tmp_path / "tenants.json"
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


@pytest.fixture
async def start_gateway(service, tenants_file, secret_file):
    async with AsyncExitStack() as stack:

        async def start(**changes):
            settings = GatewaySettings(
                port=0,
                metrics_port=0,
                upstream="127.0.0.1:1",
                finetune_upstream=service.server.address,
                finetune_secret_file=secret_file,
                tenants_file=tenants_file,
                shutdown_grace_seconds=0.5,
                **changes,
            )
            return await stack.enter_async_context(Gateway(settings))

        yield start


async def finished_model(service, new_request, tenant, *kinds):
    service.caller.tenant = tenant
    for seed, kind in enumerate(kinds):
        await service.caller.finish(new_request(kind, seed=seed))


async def test_a_tenant_sees_what_it_may_use_and_uses(start_gateway, service, keys, new_request):
    gateway = await start_gateway()
    await finished_model(service, new_request, "acme", "plain")
    service.runner.is_paused = True
    await service.caller.create(new_request(seed=7))
    async with AsyncClient(gateway.address, keys["acme"]) as client:
        found = await client.limits()
    assert (found.tenant, found.key.id) == ("acme", KeyHash.of(keys["acme"]).key_id)
    assert (found.key.expires_at, found.key.scopes) == (None, ("campaigns", "consortium", "finetune", "predict"))
    use = found.prediction
    assert (use.open_screens, use.max_open_screens, use.weight) == (0, 3, 2.5)
    assert (use.structures_per_minute, use.structures_left, use.has_own_cache) == (1000, 1000, False)
    tuning = found.finetune
    assert (tuning.active_jobs, tuning.max_active_jobs) == (1, 4)
    assert (tuning.stored_models, tuning.max_stored_models, tuning.max_labels_per_job) == (1, 100, 20_000)
    assert (tuning.measurements, tuning.max_measurements) == (0, 100_000)
    async with AsyncClient(gateway.address, keys["predicts"]) as client:
        found = await client.limits()
    assert (found.tenant, found.key.expires_at, found.key.scopes) == ("acme", ENDS, ("predict",))
    assert found.finetune is None, "the key may not see it"
    async with AsyncClient(gateway.address, keys["globex"]) as client:
        found = await client.limits()
    assert (found.prediction.structures_per_minute, found.prediction.structures_left) == (None, None)
    assert (found.finetune.active_jobs, found.finetune.stored_models) == (0, 0)
    await service.server.stop()
    async with AsyncClient(gateway.address, keys["acme"]) as client:
        found = await client.limits()
    assert found.prediction.max_open_screens == 3, "limits of predictions need no other service"
    assert found.finetune is None


async def test_only_the_scope_admin_sees_all_tenants_and_acts_for_them(start_gateway, service, keys, new_request):
    gateway = await start_gateway()
    await finished_model(service, new_request, "globex", "plain", "hurts")
    for name in ("acme", "predicts"):
        async with AsyncClient(gateway.address, keys[name]) as client:
            for call in (client.promote_tenant_model("globex", "my-tc"), client.delete_tenant("globex", confirm=True)):
                with pytest.raises(UnauthenticatedError, match="lacks the scope admin"):
                    await call
            with pytest.raises(UnauthenticatedError, match="lacks the scope admin"):
                _ = [record async for record in client.audit_records()]
    async with AsyncClient(gateway.address, keys["globex"]) as client:
        await client.promote_model("my-tc", "1")
    began = datetime.now(UTC)
    async with AsyncClient(gateway.address, keys["auditor"]) as client:
        with pytest.raises(InvalidRequestError, match="needs a reason"):
            await client.promote_tenant_model("globex", "my-tc", "2")
        change = await client.promote_tenant_model("globex", "my-tc", "2", "agreed by telephone")
        assert (change.served_as, change.version, change.previous_version) == ("globex/my-tc", "2", "1")
        with pytest.raises(InvalidRequestError, match="is no name of a tenant"):
            await client.delete_tenant("../acme", confirm=True)
        with pytest.raises(InvalidRequestError, match="confirm"):
            await client.delete_tenant("globex")
        deleted = await client.delete_tenant("globex", confirm=True)
        assert (deleted.n_jobs, deleted.n_models) == (2, 1)
        records = [record async for record in client.audit_records()]
        told = [(record.tenant, record.entry.action, record.entry.key_id) for record in records]
        auditor = KeyHash.of(keys["auditor"]).key_id
        assert told == [
            ("globex", "PROMOTE", KeyHash.of(keys["globex"]).key_id),
            ("globex", "OVERRIDE", auditor),
            ("globex", "DELETE_TENANT", auditor),
        ]
        assert records[1].entry.reason == "agreed by telephone"
        assert [record.sequence async for record in client.audit_records(after=records[0].sequence)] == [
            record.sequence for record in records[1:]
        ]
        assert [record.entry.action async for record in client.audit_records(since=began)] == [
            "OVERRIDE",
            "DELETE_TENANT",
        ]
        assert [record.entry.action async for record in client.audit_records("globex", until=began)] == ["PROMOTE"]
        assert not [record async for record in client.audit_records("acme")]
        with pytest.raises(InvalidRequestError, match="end_time: must be after"):
            _ = [record async for record in client.audit_records(since=began, until=began - timedelta(1))]


async def test_an_operator_may_leave_overrides_and_deletion_to_administrators(
    start_gateway, service, keys, new_request
):
    gateway = await start_gateway(admin_only={"override", "delete_data"})
    await finished_model(service, new_request, "acme", "plain", "hurts")
    async with AsyncClient(gateway.address, keys["acme"]) as client:
        assert (await client.promote_model("my-tc", "1")).version == "1"
        with pytest.raises(UnauthenticatedError, match="may not promote in spite of objections") as refused:
            await client.promote_model("my-tc", "2", "I want it")
        assert refused.value.reason == "MISSING_SCOPE"
        with pytest.raises(UnauthenticatedError, match="may not delete the tenant's data"):
            await client.delete_tenant_data(confirm=True)
    async with AsyncClient(gateway.address, keys["auditor"]) as client:
        assert (await client.promote_tenant_model("acme", "my-tc", "2", "agreed")).version == "2"


async def test_the_log_is_exported_as_json_lines_that_prove_themselves(
    start_gateway, service, keys, new_request, monkeypatch
):
    gateway = await start_gateway()
    await finished_model(service, new_request, "acme", "plain", "plain")
    async with AsyncClient(gateway.address, keys["acme"]) as client:
        for version in ("1", "2"):
            await client.promote_model("my-tc", version)
        await client.rollback_model("my-tc", "worse")
    code, out, _ = await command(monkeypatch, gateway, keys["auditor"], "admin", "audit", "--verify")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    fields = "sequence at tenant action model version digest reason request_id key_id chain"
    assert {" ".join(line) for line in lines} == {fields}
    assert [(line["action"], line["version"], line["reason"]) for line in lines] == [
        ("PROMOTE", "1", ""),
        ("PROMOTE", "2", ""),
        ("ROLLBACK", "1", "worse"),
    ]
    assert await intact(service) == "1.0"
    # Somebody with the database's password rewrites the first line.
    with service.server._database.writing() as connection:
        for trigger in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {trigger[0]}")
        connection.exec_driver_sql("UPDATE audit SET document = replace(document, 'PROMOTE', 'OVERRIDE')")
    code, out, errors = await command(monkeypatch, gateway, keys["auditor"], "admin", "audit", "--verify")
    assert (code, out) == (1, "")
    assert "line 1 does not follow from the one before it: the log was changed" in errors
    async with asyncio.timeout(30):
        while await intact(service) != "0.0":  # noqa: ASYNC110  # the condition lies across a network
            await asyncio.sleep(0.1)
    code, out, _ = await command(monkeypatch, gateway, keys["acme"], "limits", "--json")
    assert (code, json.loads(out)["finetune"]["stored_models"]) == (0, 2)
    code, out, _ = await command(monkeypatch, gateway, keys["acme"], "limits")
    assert "structures a minute" in out
    assert "1,000" in out


async def intact(service):
    url = f"http://127.0.0.1:{service.server.metrics_port}/metrics"
    text = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read().decode())
    return re.search(r"^epitaxy_finetune_audit_log_intact (\S+)$", text, re.MULTILINE)[1]


async def command(monkeypatch, gateway, key, *arguments):
    """Runs the command in a thread, so that the gateway of this loop answers it."""

    monkeypatch.setenv("EPITAXY_API_KEY", key)
    monkeypatch.setenv("COLUMNS", "200")
    done = await asyncio.to_thread(CliRunner().invoke, app, ["--target", gateway.address, *arguments])
    return done.exit_code, done.stdout, done.stderr
