"""Tokens of an identity provider: real ones, signed by real keys that a real server publishes."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time

import grpc
import pytest

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.prediction.v1.prediction_pb2 import PredictRequest
from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.status import from_trailing_metadata

jwt = pytest.importorskip("jwt", reason="PyJWT is not installed: pip install 'epitaxy[oidc]'")
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

ONE = PredictRequest(structures=[StructureInput(id="s0", cif="good")])
ISSUER, AUDIENCE = "https://login.example.org", "epitaxy"


class Provider:
    """Publishes keys, and signs by them."""

    def __init__(self):
        self.keys = {"first": ec.generate_private_key(ec.SECP256R1())}
        self.n_asked = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.n_asked += 1
                body = json.dumps({"keys": [provider.public(name) for name in provider.keys]}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def public(self, name):
        algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
        return json.loads(algorithm.to_jwk(self.keys[name].public_key())) | {"kid": name, "use": "sig", "alg": "ES256"}

    def token(self, name="first", key=None, **claims):
        given = {"iss": ISSUER, "aud": AUDIENCE, "exp": time() + 60, "sub": "acme"} | claims
        given = {claim: value for claim, value in given.items() if value is not None}
        return jwt.encode(given, key or self.keys[name], algorithm="ES256", headers={"kid": name})

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def key():
    return new_api_key()


@pytest.fixture
async def edge(start_edge, provider, key, tmp_path):
    path = tmp_path / "tenants.json"
    tenants = {"acme": {"key_hashes": [str(KeyHash.of(key))]}, "globex": {"subjects": ["robot@globex", "auth0|7"]}}
    path.write_text(json.dumps(tenants))
    path.chmod(0o600)
    oidc = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks_url": provider.url}
    return await start_edge(tenants_file=path, **oidc)


@pytest.fixture
def outcome(edge):
    async def ask(credential):
        """OK, or the reason of the refusal."""
        try:
            await edge.prediction.Predict(ONE, metadata=(("authorization", f"Bearer {credential}"),))
        except grpc.aio.AioRpcError as error:
            return from_trailing_metadata(error.trailing_metadata()).reason
        return "OK"

    return ask


async def test_a_token_names_its_tenant_by_name_or_by_a_listed_subject_and_keys_work_beside_it(
    provider, outcome, backend, key
):
    for subject, tenant in (("acme", "acme"), ("robot@globex", "globex"), ("auth0|7", "globex")):
        assert await outcome(provider.token(sub=subject)) == "OK"
        assert backend.metadata[-1]["x-tenant"] == tenant
    assert await outcome(key) == "OK"
    assert provider.n_asked == 1, "its keys are kept"


async def test_tokens_that_are_not_what_they_should_be_are_refused(provider, outcome):
    stranger = ec.generate_private_key(ec.SECP256R1())
    none = jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "exp": time() + 60, "sub": "acme"}, None, algorithm="none")
    shared = jwt.encode(
        {"iss": ISSUER, "aud": AUDIENCE, "exp": time() + 60, "sub": "acme"}, "x" * 40, headers={"kid": "first"}
    )
    good = provider.token()
    head, body, signature = good.split(".")
    cases = {
        provider.token(key=stranger): "INVALID_TOKEN",
        provider.token(exp=time() - 60): "EXPIRED_TOKEN",
        provider.token(exp=None): "INVALID_TOKEN",
        provider.token(iss="https://elsewhere.example.org"): "INVALID_TOKEN",
        provider.token(aud="another-service"): "INVALID_TOKEN",
        provider.token(nbf=time() + 600): "INVALID_TOKEN",
        provider.token(sub="initech"): "UNKNOWN_TENANT",
        provider.token(sub=None): "UNKNOWN_TENANT",
        none: "INVALID_TOKEN",
        shared: "INVALID_TOKEN",
        f"{head}.{body}.{signature[:-4]}AAAA": "INVALID_TOKEN",
        "a.b.c": "INVALID_TOKEN",
        "..": "INVALID_TOKEN",
        "nonsense": "INVALID_API_KEY",
    }
    assert {token: await outcome(token) for token in cases} == cases
    assert await outcome(good) == "OK"


async def test_scopes_of_a_token_bind_it(provider, outcome):
    assert await outcome(provider.token(scope="openid epitaxy:predict")) == "OK"
    assert await outcome(provider.token(scope=["predict"])) == "OK"
    for scope in ("openid epitaxy:finetune", "", [], 7):
        assert await outcome(provider.token(scope=scope)) == "MISSING_SCOPE"


async def test_unknown_keys_have_the_keys_fetched_again_and_not_by_every_call(provider, outcome):
    assert await outcome(provider.token()) == "OK"
    provider.keys["second"] = ec.generate_private_key(ec.SECP256R1())
    for _ in range(20):
        assert await outcome(provider.token("second")) == "INVALID_TOKEN", "not fetched twice within seconds"
    assert provider.n_asked == 1
