"""Free and taken ports."""

import errno
import socket
from contextlib import ExitStack

from epitaxy.stack.errors import StackError

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nobody listens on; held together while they are picked, then let go."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def preferred_port(port: int) -> int:
    """This loopback port, or any free one where it is taken."""
    try:
        require_free(LOOPBACK, port)
    except StackError:
        return free_ports(1)[0]
    return port


def require_free(host: str, port: int) -> None:
    """Raises StackError where HOST:PORT cannot be listened on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a port whose last connections are still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise StackError(_refusal(host, port, error)) from error


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: stop what listens there, or choose another with --port"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"
