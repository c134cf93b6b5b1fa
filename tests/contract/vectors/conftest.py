"""Every index that the contract holds for: FAISS in this process, Qdrant on a server where there is one."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from epitaxy.chassis.errors import UnavailableError
from epitaxy.vectors.qdrant_index import QdrantIndex
from epitaxy.vectors.settings import VectorSettings
from epitaxy_models.source_index import FaissIndex, VectorIndex

_NO_SERVER = "needs a Qdrant server: set EPITAXY_TEST_QDRANT_URL, or put the qdrant binary on PATH"
_START_SECONDS = 30.0

MakeIndex = Callable[[int], VectorIndex]


@pytest.fixture(scope="session")
def qdrant_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    given, binary = os.environ.get("EPITAXY_TEST_QDRANT_URL", ""), shutil.which("qdrant")
    if given:
        yield given
        return
    if binary is None:
        pytest.skip(_NO_SERVER)
    folder = tmp_path_factory.mktemp("qdrant")
    ports = _free_ports(2)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([binary], cwd=folder, env=_environment(folder, ports), stdout=log, stderr=log)
        try:
            _await_server(f"http://127.0.0.1:{ports[0]}", server)
            yield f"http://127.0.0.1:{ports[0]}"
        finally:
            server.terminate()
            server.wait(timeout=20)


@pytest.fixture(params=["faiss", "qdrant"])
def make_index(request: pytest.FixtureRequest) -> Iterator[MakeIndex]:
    """Makes empty indexes of a width."""
    if request.param == "faiss":
        yield FaissIndex
        return
    settings = VectorSettings(qdrant_url=request.getfixturevalue("qdrant_url"))
    made: list[QdrantIndex] = []

    def make(width: int) -> QdrantIndex:
        made.append(QdrantIndex.connect(settings, f"test-{uuid4().hex}", width))
        return made[-1]

    yield make
    for index in made:
        index.drop()


def _environment(folder: Path, ports: list[int]) -> dict[str, str]:
    return os.environ | {
        "QDRANT__SERVICE__HOST": "127.0.0.1",
        "QDRANT__SERVICE__HTTP_PORT": str(ports[0]),
        "QDRANT__SERVICE__GRPC_PORT": str(ports[1]),
        "QDRANT__STORAGE__STORAGE_PATH": str(folder / "storage"),
        "QDRANT__TELEMETRY_DISABLED": "true",
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _await_server(url: str, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            QdrantIndex.connect(VectorSettings(qdrant_url=url), "probe", 1).drop()
            return
        except UnavailableError:
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.2)
