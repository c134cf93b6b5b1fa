import json

import pytest
from pydantic import ValidationError

from epitaxy.chassis.api_keys import KeyHash
from epitaxy.gateway.__main__ import main
from epitaxy.gateway.settings import GatewaySettings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_needs_no_tenants(host):
    assert GatewaySettings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "gateway.internal", ""])
def test_everything_else_does(host, tmp_path):
    with pytest.raises(ValidationError, match="set EPITAXY_GATEWAY_TENANTS_FILE, or bind 127"):
        GatewaySettings(host=host)
    assert GatewaySettings(host=host, tenants_file=tmp_path / "tenants.json").host == host


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("EPITAXY_GATEWAY_PORT", "0")
    monkeypatch.setenv("EPITAXY_GATEWAY_HOST", "::1")
    assert GatewaySettings().address == "[::1]:0"


def test_half_of_tls_is_refused(tmp_path):
    with pytest.raises(ValidationError, match="both tls_cert_path and tls_key_path"):
        GatewaySettings(tls_key_path=tmp_path / "tls.key")


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        GatewaySettings().port = 1


def test_the_program_refuses_an_open_door_in_one_line(monkeypatch, capsys):
    monkeypatch.setenv("EPITAXY_GATEWAY_HOST", "0.0.0.0")
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("the gateway cannot start: ")


def test_a_new_key_is_printed_with_the_entry_that_admits_it(capsys):
    assert main(["keys", "new", "acme"]) == 0
    key, entry = (line.split(": ", 1)[1] for line in capsys.readouterr().out.splitlines())
    assert json.loads(entry) == {"acme": {"key_hashes": [str(KeyHash.of(key))]}}
