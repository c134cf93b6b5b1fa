"""Free and taken ports."""

import errno
import random
import socket
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from epitaxy.stack.errors import StackError

LOOPBACK = "127.0.0.1"
_LOWEST_PORT = 10_000
_USUAL_FIRST_EPHEMERAL_PORT = 32_768
_ATTEMPTS = 100


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nobody listens on.

    From below the range in which the kernel hands ports out by itself: of the dozens that Ray's processes take there
    while a stack starts, one was seen to be the port that had been picked for Serve.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(_bound_socket()) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def preferred_port(port: int) -> int:
    """This loopback port, or any free one if it is taken."""
    try:
        require_free(LOOPBACK, port)
    except StackError:
        return free_ports(1)[0]
    return port


def require_free(host: str, port: int) -> None:
    """Raises StackError if HOST:PORT cannot be listened on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a port whose last connections are still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise StackError(_refusal(host, port, error)) from error


def _bound_socket() -> socket.socket:
    for _ in range(_ATTEMPTS):
        candidate = socket.socket()
        with suppress(OSError):
            candidate.bind((LOOPBACK, random.randrange(_LOWEST_PORT, _first_ephemeral_port())))
            return candidate
        candidate.close()
    raise StackError(f"no free port on {LOOPBACK}")


@cache
def _first_ephemeral_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return _USUAL_FIRST_EPHEMERAL_PORT
    # A range widened to the bottom leaves nothing below it.
    return first if first > 2 * _LOWEST_PORT else _USUAL_FIRST_EPHEMERAL_PORT


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: stop what listens there, or choose another with --port"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"
