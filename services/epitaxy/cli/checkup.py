"""The checks of ``epitaxy doctor``."""

import importlib.util
import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from epitaxy.chassis.cores import usable_cores
from epitaxy.cli.models.bases import base_text, models_on_earlier, refit_command
from epitaxy.client import Client, EpitaxyClientError, ModelCard

Status = Literal["ok", "note", "problem"]

_CLIENT_PACKAGES = ("grpcio", "protobuf", "numpy", "pandas", "pyarrow", "rich", "typer")
_SERVER_PACKAGES = ("torch", "torch-geometric", "ray", "redis", "pymatgen", "safetensors", "prometheus-client")
_CAMPAIGN_REMEDY = "needed only to serve campaigns: pip install 'epitaxy[campaign-service]'"
_SERVER_REMEDY = "needed only to serve: pip install 'epitaxy[prediction]'"
# Loading kernels from numba's cache takes a fraction of a second, compiling them takes many seconds.
_COMPILING_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        status: ``"problem"`` if something must be done, ``"note"`` if something may be done.
        remedy: What to do; empty if nothing is needed.
    """

    subject: str
    status: Status
    detail: str
    remedy: str = ""


def check_packages() -> list[Finding]:
    """Checks the packages that the client needs, and those that serving needs."""
    python = Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    client = [_package(name, "problem", f"pip install {name}") for name in ("epitaxy", *_CLIENT_PACKAGES)]
    server = [_package(name, "note", _SERVER_REMEDY) for name in _SERVER_PACKAGES]
    return [python, *client, *server, _package("botorch", "note", _CAMPAIGN_REMEDY)]


def check_fast_paths() -> list[Finding]:
    """Checks what makes a server on this machine fast."""
    return [
        _fast_module("numba", "compiled featurizer and edge kernel"),
        _kernels(),
        _fast_module("gemmi", "fast CIF reader"),
        _fast_module("uvloop", "fast event loop"),
        _program("redis-server", ("redis-server",), "shared cache; a local stack has a file instead", "redis-server"),
        _compute(),
        _shipped_models(),
    ]


def check_server(client: Client) -> list[Finding]:
    """Checks whether the server answers, whether it is healthy, and what it serves."""
    began = time.monotonic()
    subject = f"server {client.target}"
    if not client.is_ready():
        return [_not_ready(client, subject)]
    reached = Finding(subject, "ok", f"healthy, answers in {1000 * (time.monotonic() - began):.0f} ms")
    try:
        cards = client.list_models()
    except EpitaxyClientError as error:
        return [reached, Finding("models", "problem", error.message)]
    served = ", ".join(f"{card.name}:{card.version}" for card in cards)
    if not cards:
        return [reached, Finding("models", "problem", "none served", "read the server's log")]
    return [reached, Finding("models", "ok", served), *_on_earlier(cards)]


def _on_earlier(cards: Sequence[ModelCard]) -> list[Finding]:
    """A note on models that stand on an earlier shared model; they are served as before."""
    old = models_on_earlier(cards)
    if not old:
        return []
    names = ", ".join(f"{card.name}:{card.version} on {base_text(card)}" for card in old)
    remedy = f"{refit_command(old[0])} fits it on the present one and compares both"
    return [Finding("models to refit", "note", names, remedy)]


def _not_ready(client: Client, subject: str) -> Finding:
    """Tells a server that cannot be reached from one that answers but does not serve."""
    try:
        client.list_models()
    except EpitaxyClientError as error:
        is_absent = error.reason == "UNAVAILABLE"
        remedy = "start one with `epitaxy serve`, or set EPITAXY_TARGET" if is_absent else ""
        return Finding(subject, "problem", error.message, remedy)
    return Finding(subject, "problem", "answers, but reports that it does not serve", "read the server's log")


def _package(name: str, status: Status, remedy: str) -> Finding:
    try:
        return Finding(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, status, "not installed", remedy)


def _fast_module(name: str, purpose: str) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding(name, "note", f"not installed: no {purpose}", _SERVER_REMEDY)
    return Finding(name, "ok", f"{metadata.version(name)}: {purpose}")


def _program(subject: str, names: tuple[str, ...], purpose: str, system_package: str) -> Finding:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        return Finding(
            subject, "note", f"not found: {purpose}", f"needed only to serve: apt-get install {system_package}"
        )
    return Finding(subject, "ok", f"{found}: {purpose.partition(';')[0]}")


def _kernels() -> Finding:
    """Checks whether the compiled kernels are cached, or every new process compiles them."""
    if importlib.util.find_spec("epitaxy_models") is None or importlib.util.find_spec("numba") is None:
        return Finding("kernels", "note", "featurizer and network not installed", _SERVER_REMEDY)
    from epitaxy_models.backbones.fused import embed_rock_salt  # noqa: PLC0415 - not installed on a client's machine

    began = time.monotonic()
    embed_rock_salt()
    seconds = time.monotonic() - began
    if seconds > _COMPILING_SECONDS:
        remedy = "run python -m epitaxy_models.warmup once (set NUMBA_CACHE_DIR if the package is not writable)"
        return Finding("kernels", "note", f"featurizer and forward pass had to be compiled, {seconds:.0f} s", remedy)
    return Finding("kernels", "ok", f"featurizer and compiled forward pass loaded from the cache in {seconds:.1f} s")


def _compute() -> Finding:
    """Counts cores and names the GPU. Loads torch if it is installed: only torch tells whether it sees a GPU."""
    if importlib.util.find_spec("torch") is None:
        return Finding("compute", "note", f"{usable_cores()} cores, torch not installed", _SERVER_REMEDY)
    import torch  # noqa: PLC0415 - not installed on a client's machine

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return Finding("compute", "ok", f"{usable_cores()} cores, {device}")


def _shipped_models() -> Finding:
    spec = importlib.util.find_spec("epitaxy_models")
    roots = [Path(root) for root in (spec.submodule_search_locations or ())] if spec else []
    found = sorted({file.parent.name for root in roots for file in root.glob("pretrained/**/*.safetensors")})
    if not found:
        return Finding("shipped models", "note", "none in this installation", "needed only to serve: reinstall epitaxy")
    return Finding("shipped models", "ok", ", ".join(found))
