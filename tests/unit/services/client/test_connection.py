import asyncio
import logging
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest

from epitaxy.client import AsyncClient, Client, InvalidRequestError, UnavailableError
from epitaxy.client.connection import Connection


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for the loopback that is its own CA, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    crt, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(crt), "-keyout", str(key)]
    subprocess.run([openssl, *request.split(), *names], check=True, capture_output=True)
    return crt, key


@pytest.fixture
def tls_target(small_server: ModuleType, faults: Any, certificate: tuple[Path, Path]) -> Iterator[str]:
    crt, key = certificate
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), crt.read_bytes())])
    with small_server.serving_in_thread(faults, credentials=credentials) as target:
        yield target


def test_tls_with_a_ca_of_ones_own(
    connect: Any, tls_target: str, certificate: tuple[Path, Path], rock_salt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crt, _ = certificate
    with connect(tls_target, tls=crt) as client:
        assert len(list(client.screen(rock_salt))) == 1
    monkeypatch.setenv("EPITAXY_TLS_CA", str(crt))
    with connect(tls_target) as client:
        assert client.is_ready()


def test_a_ca_that_did_not_sign_is_not_trusted(connect: Any, tls_target: str) -> None:
    with connect(tls_target, tls=True) as client:
        assert not client.is_ready()
    with connect(tls_target, tls=False) as client:
        assert not client.is_ready()


@pytest.mark.parametrize(
    ("tls", "reason", "words"),
    [
        (False, "TLS_REQUIRED", "uses TLS, but this client does not: set EPITAXY_TLS_CA"),
        (True, "UNTRUSTED_CERTIFICATE", "is not trusted (self signed certificate): set EPITAXY_TLS_CA"),
        ("garbage", "UNREADABLE_CA_FILE", "the CA file holds no certificate"),
    ],
)
def test_a_mistake_of_tls_is_named_in_one_line(
    connect: Any, tls_target: str, rock_salt: Any, tmp_path: Path, tls: Any, reason: str, words: str
) -> None:
    if tls == "garbage":
        tls = tmp_path / "garbage.pem"
        tls.write_text("no certificate")
    with connect(tls_target, tls=tls) as client:
        calls = (client.list_models, lambda: list(client.screen(rock_salt)))
        for call in calls:
            with pytest.raises(UnavailableError, match=re.escape(words)) as caught:
                call()
            assert caught.value.reason == reason
            assert "\n" not in str(caught.value)


def test_a_certificate_for_another_host_is_named(
    connect: Any, tls_target: str, certificate: tuple[Path, Path], rock_salt: Any
) -> None:
    with connect(tls_target.replace("127.0.0.1", "localhost"), tls=certificate[0]) as client:
        with pytest.raises(UnavailableError, match=r"localhost:\d+ is for another host name"):
            client.list_models()
        with pytest.raises(UnavailableError, match=r"localhost:\d+ is for another host name"):
            list(client.screen(rock_salt))


def test_tls_to_a_server_without_it_is_named(
    connect: Any, small_server: ModuleType, faults: Any, certificate: tuple[Path, Path]
) -> None:
    with (
        small_server.serving_in_thread(faults) as target,
        connect(target, tls=certificate[0]) as client,
        pytest.raises(UnavailableError, match="does not use TLS, but this client does") as caught,
    ):
        client.list_models()
    assert caught.value.reason == "SERVER_WITHOUT_TLS"


def test_a_server_that_is_not_there_is_no_mistake_of_tls(connect: Any) -> None:
    with connect("127.0.0.1:1") as client, pytest.raises(UnavailableError, match="is the server running") as caught:
        client.list_models()
    assert caught.value.reason == "UNAVAILABLE"


def test_an_async_client_outside_of_a_loop_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"outside of an event loop; make it inside .* asyncio\.run\(\)"):
        AsyncClient("127.0.0.1:1")


def test_an_async_client_of_another_loop_is_refused(rock_salt: Any) -> None:
    async def make() -> AsyncClient:
        return AsyncClient("127.0.0.1:1")

    async def use(client: AsyncClient) -> None:
        for call in (client.list_models, lambda: client.screen(rock_salt).to_pandas(), client.is_ready, client.close):
            with pytest.raises(InvalidRequestError, match="made in another event loop"):
                await call()

    client = asyncio.run(make())
    asyncio.run(asyncio.wait_for(use(client), timeout=10))


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_a_ca_file_that_is_not_there_is_a_mistake_of_the_request(kind: type, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="cannot read the CA file"):
        kind("127.0.0.1:1", tls=tmp_path / "none.pem")


def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(connect: Any) -> None:
    with pytest.raises(InvalidRequestError, match="characters that no key has") as caught:
        connect("127.0.0.1:1", api_key="se\ncret")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("options", [{"timeout": 0.0}, {"patience": -1.0}])
def test_a_time_that_is_none_is_refused(connect: Any, options: Any) -> None:
    with pytest.raises(InvalidRequestError, match="more than 0 seconds"):
        connect("127.0.0.1:1", **options)


def test_a_key_in_plain_text_over_a_network_is_warned_of(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="epitaxy.client"):
        connect("localhost:50051", api_key="secret").close()
        assert not caplog.records
        connect("screening.example:50051", api_key="secret").close()
    assert "plain text" in caplog.text
    assert "secret" not in caplog.text


def test_a_server_reached_by_another_name_than_its_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def options(tls: Path | None) -> dict[str, object]:
        made = Connection.from_settings("epitaxy-gateway:50051", None, tls, timeout_seconds=1.0, patience_seconds=1.0)
        return dict(made.options)

    (tmp_path / "ca.pem").write_bytes(b"pem")
    override = "grpc.ssl_target_name_override"
    assert override not in options(tmp_path / "ca.pem")
    monkeypatch.setenv("EPITAXY_TLS_SERVER_NAME", "epitaxy.example.org")
    assert options(tmp_path / "ca.pem")[override] == "epitaxy.example.org"
    assert override not in options(None), "nobody checks a name in plain text"
