"""What every process of the stack's Ray does before it loads Serve."""

import gc
import importlib
import sys
from typing import Any

SETUP_HOOK = "epitaxy.stack.worker.prepare_worker"
_ABSENT = object()


def prepare_worker() -> None:
    """Ray calls this in each new worker, the Serve controller and proxy included."""
    import_serve()
    listen_on_loopback()


def import_serve() -> None:
    """Imports Ray Serve in 0.8 CPU seconds instead of 1.4, measured; every process of a stack does it.

    Without pandas, which Serve wants only to answer HTTP requests with data frames and does without where it is not
    installed (ray/serve/_private/utils.py); whoever imports pandas afterwards gets it. And without garbage collection,
    which finds nothing among a hundred thousand objects that all stay.
    """
    pandas: Any = sys.modules.get("pandas", _ABSENT)
    gc.disable()
    sys.modules["pandas"] = None  # type: ignore[assignment]  # makes `import pandas` raise ImportError
    try:
        importlib.import_module("ray.serve")
    finally:
        gc.enable()
        if pandas is _ABSENT:
            del sys.modules["pandas"]
        else:
            sys.modules["pandas"] = pandas


def listen_on_loopback() -> None:
    """Makes gRPC servers of this process listen on loopback where they ask for every address.

    Serve writes ``[::]`` into its gRPC ingress (grpc_util.py) and into each replica's internal server (replica.py) and
    has no setting for it. The internal one unpickles what it is sent: on a laptop nobody else may reach it.
    """
    from grpc.aio._server import Server  # noqa: PLC0415  # Ray must have set up its own gRPC before

    listen = Server.add_insecure_port

    def on_loopback(server: Any, address: str) -> int:
        return int(listen(server, address.replace("[::]:", "127.0.0.1:")))

    Server.add_insecure_port = on_loopback
