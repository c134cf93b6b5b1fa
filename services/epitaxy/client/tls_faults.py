"""Mistakes of TLS, told in one line: gRPC reports them in words of its own, or only as a closed socket."""

import re
import socket
import ssl

UNTRUSTED, WRONG_NAME, PLAIN_SERVER = "UNTRUSTED_CERTIFICATE", "WRONG_HOST_NAME", "SERVER_WITHOUT_TLS"
TLS_REQUIRED, UNREADABLE_CA = "TLS_REQUIRED", "UNREADABLE_CA_FILE"

_PROBE_SECONDS = 1.0
_ADVICE = {
    WRONG_NAME: "the certificate of the server at {target} is for another host name: use a name that it lists",
    PLAIN_SERVER: "the server at {target} does not use TLS, but this client does: connect without TLS (tls=False; "
    "without --tls, --ca-file and EPITAXY_TLS_CA)",
    UNREADABLE_CA: "the CA file holds no certificate: give a PEM file with the certificate of the server's CA",
    TLS_REQUIRED: "the server at {target} uses TLS, but this client does not: set EPITAXY_TLS_CA to the certificate "
    "of its CA, or use the system's (tls=True; --tls)",
    UNTRUSTED: "the certificate of the server at {target} is not trusted{why}: set EPITAXY_TLS_CA to the certificate "
    "of its CA",
}
_SIGNS = (
    ("Hostname Verification Check failed", WRONG_NAME),
    ("call host does not match SSL server name", WRONG_NAME),
    ("WRONG_VERSION_NUMBER", PLAIN_SERVER),
    ("Failed to create security handshaker", UNREADABLE_CA),
    ("CERTIFICATE_VERIFY_FAILED", UNTRUSTED),
)
# What a client without TLS sees of a server that closes the connection, and of a proxy that answers with a TLS alert.
_CLOSED = ("Socket closed", "Connection reset", "Broken pipe", "HTTP2", "HTTP/2", "handshake", "recvmsg", "EOF")


def handshake_fault(details: str) -> str | None:
    """Reason of a failed handshake as gRPC describes it, None if TLS is not to blame: waiting does not mend one."""
    return next((reason for sign, reason in _SIGNS if sign in details), None)


def is_tls_required(details: str, target: str) -> bool:
    """True if a server closed a connection in plain text because it speaks TLS; opens a connection to ask it."""
    return any(sign in details for sign in _CLOSED) and _speaks_tls(target)


def advice(reason: str, target: str, details: str) -> str:
    """What is wrong and what to do, in one line."""
    cause = re.search(r"CERTIFICATE_VERIFY_FAILED:\s*([^:]+)", details)
    why = f" ({cause[1].strip()})" if cause else ""
    return _ADVICE[reason].format(target=target, why=why)


def _speaks_tls(target: str) -> bool:
    host, _, port = target.removeprefix("dns:").strip("/").rpartition(":")
    if not port.isdecimal():
        return False
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # asks whether, not who; nothing is sent
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host.strip("[]")),
        ):
            return True
    except (OSError, ValueError):
        return False
