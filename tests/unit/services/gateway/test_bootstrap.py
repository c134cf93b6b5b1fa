"""Secrets of a new installation: made once, usable, and never made again."""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from api_server import TOKEN, ApiServer

from epitaxy.chassis.kubernetes_api import KubernetesApi
from epitaxy.chassis.tenants import TenantDirectory
from epitaxy.gateway.__main__ import main
from epitaxy.gateway.secrets.bootstrap import BootstrapPlan, DatabaseSecret, bootstrap
from epitaxy.gateway.secrets.kubernetes import KubernetesSecrets
from epitaxy_models.errors import ConfigurationError

PLAN = BootstrapPlan(
    "first", "tenants", "test-key", [("gateway", "secret"), ("redis", "password")], DatabaseSecret("db", "pg:5432")
)
NAMES = ["gateway", "redis", "db", "test-key", "tenants"]


@pytest.fixture
def server():
    running = ApiServer(set(NAMES))
    yield running
    running.stop()


@pytest.fixture
def store(server):
    return KubernetesSecrets(KubernetesApi(server.url, lambda: TOKEN, "epitaxy"), {"app": "epitaxy"})


def test_everything_that_is_missing_is_made_and_fits_together(server, store, tmp_path) -> None:
    assert list(bootstrap(PLAN, store)) == NAMES
    secrets = server.secrets
    assert re.fullmatch("[0-9a-f]{64}", secrets["gateway"]["secret"])
    assert secrets["gateway"]["secret"] != secrets["redis"]["password"]
    password = secrets["db"]["password"]
    assert secrets["db"] == {
        "password": password,
        "jobs-url": f"postgresql+psycopg://epitaxy:{password}@pg:5432/epitaxy",
        "mlflow-url": f"postgresql://epitaxy:{password}@pg:5432/mlflow",
    }
    file = tmp_path / "tenants.json"
    file.write_text(secrets["tenants"]["tenants.json"])
    assert TenantDirectory.from_file(file).authenticate(secrets["test-key"]["key"]) == "first"
    assert secrets["test-key"]["key"] not in secrets["tenants"]["tenants.json"]
    assert set(map(str, server.labels.values())) == {"{'app': 'epitaxy'}"}


def test_a_second_run_changes_nothing(server, store) -> None:
    list(bootstrap(PLAN, store))
    before = json.dumps(server.secrets)
    server.requests.clear()
    assert list(bootstrap(PLAN, store)) == []
    assert json.dumps(server.secrets) == before
    assert {verb for verb, _ in server.requests} == {"get"}


def test_tenants_of_the_operator_are_left_alone_and_get_no_key_that_opens_nothing(server, store) -> None:
    server.secrets["tenants"] = {"tenants.json": "{}"}
    assert list(bootstrap(PLAN, store)) == ["gateway", "redis", "db"]
    assert server.secrets["tenants"] == {"tenants.json": "{}"}


def test_a_run_that_was_cut_off_after_the_key_is_finished_with_that_key(server, store, tmp_path) -> None:
    list(bootstrap(PLAN, store))
    key = server.secrets["test-key"]["key"]
    del server.secrets["tenants"]
    assert list(bootstrap(PLAN, store)) == ["tenants"]
    file = tmp_path / "tenants.json"
    file.write_text(server.secrets["tenants"]["tenants.json"])
    assert TenantDirectory.from_file(file).authenticate(key) == "first"


def test_a_key_that_is_none_is_not_taken_for_one(server, store) -> None:
    server.secrets["test-key"] = {"key": "hunter2"}
    with pytest.raises(ConfigurationError, match="test-key holds no API key"):
        list(bootstrap(PLAN, store))
    assert "tenants" not in server.secrets


def test_what_was_made_meanwhile_is_not_an_error(server, store) -> None:
    class Late(KubernetesSecrets):
        def get(self, name):
            found = super().get(name)
            server.secrets.setdefault(name, {"secret": "of another", "password": "of another"})
            return found

    late = Late(KubernetesApi(server.url, lambda: TOKEN, "epitaxy"), {})
    assert list(bootstrap(BootstrapPlan("first", random=PLAN.random), late)) == []
    assert server.secrets["gateway"] == {"secret": "of another", "password": "of another"}


def test_a_role_that_lacks_a_name_is_named(server, store) -> None:
    with pytest.raises(ConfigurationError, match=r"refuses GET .*/secrets/other: 403"):
        list(bootstrap(BootstrapPlan("first", random=[("other", "key")]), store))


def test_the_command_speaks_to_the_api_server_of_its_pod(server, store, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(KubernetesSecrets, "of_this_pod", lambda labels: store)
    arguments = ["--tenant", "first", "--tenants", "tenants", "--api-key", "test-key", "--random", "redis/password"]
    assert main(["keys", "bootstrap", *arguments, "--database", "db@pg:5432"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines() == [f"made the Secret {name}" for name in ("redis", "db", "test-key", "tenants")]
    for content in server.secrets.values():
        assert not any(value in told for value in content.values()), "a log is no place for a secret"


def test_outside_of_a_cluster_it_says_so(capsys, monkeypatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main(["keys", "bootstrap", "--tenant", "first", "--random", "redis/password"]) == 2
    assert "in a pod with a service account" in capsys.readouterr().err


def test_the_address_and_the_token_come_from_the_pod(tmp_path, monkeypatch, server) -> None:
    for name, text in {"token": TOKEN, "namespace": "epitaxy\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(ConfigurationError, match="in a pod with a service account"):  # no certificate of the server
        KubernetesSecrets.of_this_pod({}, tmp_path)
