"""What `redis.tls`, `redis.user` and `ray.tokenAuthentication` render, against a real Redis with TLS and a real Ray."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from containers import IMAGE_ENV, Cluster
from ray_node import STARTED, appended, cluster_id, start_command
from rendering import pod_specs, ray_objects, ray_spec, render
from sandbox import Sandbox, patience, run, why_not

pytestmark = pytest.mark.timeout(900)
USER, PASSWORD, TOKEN = "epitaxy", "p/@:%#", "a-token-of-64-characters".ljust(64, "0")
PORT = 6380
CA_FOLDER = "/etc/epitaxy/ca"
VALUES = {
    "redis": {"enabled": False, "externalAddress": f"localhost:{PORT}", "tls": True, "user": USER},
    "pods": {"caBundle": {"configMap": "our-ca"}},
    "ray": {"tokenAuthentication": True},
}


@dataclass
class Site:
    """A network of its own in which a Redis asks for TLS and a user."""

    sandbox: Sandbox
    folder: Path

    def variables(self, entries) -> dict[str, str]:
        """As a kubelet gives them, with the folders of the pod's volumes below the site's own."""
        held = {"epitaxy-redis": {"password": PASSWORD}, "epitaxy-ray-token": {"auth_token": TOKEN}, "epitaxy-database":
                {"jobs-url": "sqlite://"}}  # fmt: skip
        given = Cluster(held, {}, {}, self.folder).variables(entries)
        places = {f"{CA_FOLDER}/": f"{self.folder}/ca/", "/tmp/": f"{self.folder}/"}
        pattern = re.compile("^(" + "|".join(places) + ")")
        given = {name: pattern.sub(lambda found: places[found[1]], value) for name, value in given.items()}
        return {**IMAGE_ENV, **given}

    def python(self, code: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        return run(self.sandbox.on_the_node(sys.executable, "-c", code), patience(90), env=env)


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(folder: Path) -> None:
    """An authority of the site, and a certificate by it for localhost."""
    folder.mkdir()
    ca, key = str(folder / "ca.crt"), str(folder / "ca.key")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=our-ca", "-days", "2",
            "-keyout", key, "-out", ca)  # fmt: skip
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=redis", "-keyout", str(folder / "redis.key"),
            "-out", str(folder / "redis.csr"))  # fmt: skip
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", str(folder / "redis.csr"), "-CA", ca, "-CAkey", key, "-days", "2",
            "-extfile", str(folder / "names"), "-out", str(folder / "redis.crt"))  # fmt: skip


def start_redis(site: Site) -> "subprocess.Popen[bytes]":
    ca = site.folder / "ca"
    config = [
        "port 0", f"tls-port {PORT}", "bind 127.0.0.1", "tls-auth-clients no", 'save ""', f"dir {site.folder}",
        f"tls-cert-file {ca}/redis.crt", f"tls-key-file {ca}/redis.key", f"tls-ca-cert-file {ca}/ca.crt",
        "user default off", f"user {USER} on >{PASSWORD} ~* &* +@all",
    ]  # fmt: skip
    (site.folder / "redis.conf").write_text("\n".join(config))
    command = site.sandbox.on_the_node("redis-server", str(site.folder / "redis.conf"))
    return start(command, dict(os.environ), site.folder / "redis.log")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    if reason := why_not():
        pytest.skip(f"no network of its own here: {reason}")
    if not all(map(shutil.which, ("redis-server", "openssl", "curl"))):
        pytest.skip("redis-server, openssl or curl is not installed")
    # Sockets of Ray lie below it, and their paths may not be long.
    with tempfile.TemporaryDirectory(prefix="tls-", ignore_cleanup_errors=True) as folder:
        made = Site(Sandbox(Path(folder)), Path(folder))
        make_certificates(made.folder / "ca")
        redis = start_redis(made)
        try:
            yield made
        finally:
            redis.terminate()
            redis.wait(10)
            made.sandbox.stop()


def worker_entries(values) -> list[dict[str, object]]:
    [spec] = [spec for name, _, spec in pod_specs(render(values)) if name == "RayService/epitaxy-prediction/cpu"]
    # A handshake takes longer than a reply, and a busy machine longer than that.
    return [*spec["containers"][0]["env"], {"name": "EPITAXY_PREDICTION_REDIS_TIMEOUT_SECONDS", "value": "20"}]


ROUND_TRIP = """
import asyncio
from epitaxy.prediction.cache.redis_client import RedisClient
from epitaxy.prediction.settings import PredictionSettings
async def main():
    entries = RedisClient(PredictionSettings())
    for _ in range(50):  # until it listens
        await entries.write([(b"prefix:6b", b"held")])
        if found := await entries.read(b"prefix:", [b"k"]):
            break
        await asyncio.sleep(WAIT)
    print(found)
asyncio.run(main())
"""


def test_the_cache_of_a_worker_reads_and_writes_by_tls_as_its_user(site: Site) -> None:
    env = site.variables(worker_entries(VALUES)) | {"EPITAXY_PREDICTION_REDIS_RETRY_SECONDS": "0.1"}
    done = site.python(ROUND_TRIP.replace("WAIT", "0.2"), env)
    assert done.stdout.strip() == "{b'k': b'held'}", done.stderr


def test_without_the_sites_authority_or_with_another_password_it_stays_outside(site: Site) -> None:
    once = ROUND_TRIP.replace("range(50)", "range(1)").replace("WAIT", "0")
    untrusted = site.variables(worker_entries({**VALUES, "pods": {}}))
    wrong = site.variables(worker_entries(VALUES)) | {"EPITAXY_PREDICTION_REDIS_PASSWORD": "another"}
    for env, told in ((untrusted, "ConnectionError"), (wrong, "AuthenticationError")):
        done = site.python(once, env)
        assert done.stdout.strip() == "{}", done.stderr
        assert told in done.stderr


@pytest.fixture(scope="module")
def head(site: Site) -> Iterator[int]:
    """The head of the training cluster, without its dashboard and alive by its own probe; yields the agent's port."""
    [manifest] = [m for m in ray_objects(render(VALUES)) if m["kind"] == "RayCluster"]
    spec = ray_spec(manifest)
    group = spec["headGroupSpec"]
    container = group["template"]["spec"]["containers"][0]
    env = site.variables([*container["env"], *appended(spec, "epitaxy-training", "head", "")])
    *shell, command = start_command(spec, group, "")
    # No dashboard: eight processes that nothing here asks.
    command += f" --include-dashboard=false --node-ip-address=127.0.0.1 --temp-dir={site.folder}/ray"
    command = command.replace("--object-store-memory=1073741824", "--object-store-memory=80000000")
    in_own_processes = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *shell, command]
    in_the_network = site.sandbox.on_the_node(*in_own_processes)
    log = site.folder / "head.log"
    probe = container["livenessProbe"]["httpGet"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    limit = time.monotonic() + patience(90)
    process = start(in_the_network, env, log)
    try:
        while STARTED not in log.read_text():
            assert time.monotonic() < limit, log.read_text()
            if process.poll() is not None:  # it gives up after 30 seconds: KubeRay makes such a pod again
                process = start(in_the_network, env, log)
            time.sleep(0.5)
        assert ask(site, ports[probe["port"]], probe["path"]) == "200"
        yield ports["agent"]
    finally:
        process.kill()
        process.wait(20)


def start(command: list[str], env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as file:
        return subprocess.Popen(command, env=env, stdout=file, stderr=file)


def ask(site: Site, port: int, path: str, token: str = "") -> str:
    """Status of a request; without a token as a kubelet makes it."""
    header = ["-H", f"Authorization: Bearer {token}"] if token else []
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *header, f"http://127.0.0.1:{port}{path}"]
    return run(site.sandbox.on_the_node(*command), patience(30)).stdout


def test_ray_asks_for_its_token_and_keeps_its_state_in_redis(site: Site, head: int) -> None:
    [api] = [spec for name, _, spec in pod_specs(render(VALUES)) if name == "Deployment/epitaxy-finetune"]
    env = site.variables(api["containers"][0]["env"])
    assert env["RAY_AUTH_MODE"] == "token"
    logs = "/api/job_agent/jobs/1/logs"
    assert ask(site, head, logs) == "401"
    assert ask(site, head, logs, "another") == "403"
    assert ask(site, head, logs, env["RAY_AUTH_TOKEN"]) not in {"401", "403", "000"}
    names = ["redis-cli", "--tls", "--cacert", f"{site.folder}/ca/ca.crt", "-h", "localhost", "-p", str(PORT),
             "--user", USER, "--pass", PASSWORD, "--no-auth-warning", "--json", "KEYS", "*"]  # fmt: skip
    held = json.loads(run(site.sandbox.on_the_node(*names), 20).stdout)
    assert any(cluster_id("epitaxy-training") in name for name in held), held
