"""What every process of the stack's Ray does before it loads Serve."""

import gc
import logging
import sys
from typing import Any

SETUP_HOOK = "epitaxy.stack.worker.prepare_worker"
_ABSENT = object()


def prepare_worker() -> None:
    """Ray calls this in each new worker, the Serve controller and proxy included."""
    import_serve()
    listen_on_loopback()
    shorten_cancellations()


def import_serve() -> None:
    """Imports Ray Serve in 0.8 CPU seconds instead of 1.4, measured; every process of a stack does it.

    Pandas is kept out: Serve needs it only to answer HTTP requests with data frames and works without it if it is not
    installed (ray/serve/_private/utils.py). A later import of pandas succeeds. Garbage collection is off meanwhile: it
    would find nothing among a hundred thousand objects that all stay.
    """
    pandas: Any = sys.modules.get("pandas", _ABSENT)
    gc.disable()
    sys.modules["pandas"] = None  # type: ignore[assignment]  # makes `import pandas` raise ImportError
    try:
        import ray.serve  # noqa: F401, PLC0415  # here and not above: this function decides how it is imported
    finally:
        gc.enable()
        if pandas is _ABSENT:
            del sys.modules["pandas"]
        else:
            sys.modules["pandas"] = pandas


def listen_on_loopback() -> None:
    """Makes gRPC servers of this process listen on loopback if they ask for every address.

    Serve hard-codes ``[::]`` for its gRPC ingress (grpc_util.py) and for each replica's internal server (replica.py).
    The internal server unpickles what it receives, so nobody else may reach it.
    """
    from grpc.aio._server import Server  # noqa: PLC0415  # Ray must have set up its own gRPC before

    listen = Server.add_insecure_port

    def on_loopback(server: Any, address: str) -> int:
        return int(listen(server, address.replace("[::]:", "127.0.0.1:")))

    Server.add_insecure_port = on_loopback


def shorten_cancellations() -> None:
    """Makes one line of what the proxy writes of a call whose caller went away, in place of a traceback.

    Serve's proxy lets the task of a cancelled call end with an error that nobody reads (proxy_response_generator.py),
    and asyncio writes its traceback at each of them.
    """
    logging.getLogger("asyncio").addFilter(_OneLine())


class _OneLine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if type(error).__name__ == "RequestCancelledError":
            record.msg, record.args, record.exc_info = "%s", (error,), None
        return True
