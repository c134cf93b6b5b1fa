"""How the client reaches a server: address, key, TLS, deadlines."""

import json
import logging
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from epitaxy.client.errors import REQUEST_ID_KEY, EpitaxyClientError, Fault, InvalidRequestError

DEFAULT_TARGET = "127.0.0.1:50051"
KEEPALIVE_SECONDS = 10
"""A connection on which nothing came for this long is pinged; the gateway permits no shorter time than half of it."""
KEEPALIVE_TIMEOUT_SECONDS = 5
"""A connection whose ping is not answered within this time is closed, and its calls go to a new one."""
_LOOPBACK = ("127.", "localhost", "[::1]", "unix:")
_logger = logging.getLogger(__name__)

# Every unary call is idempotent, so gRPC itself sends it again. Screen has its own rules (see exchange.py).
_RETRIED_METHODS = (
    {"service": "epitaxy.prediction.v1.PredictionService", "method": "Predict"},
    {"service": "epitaxy.prediction.v1.PredictionService", "method": "Embed"},
    {"service": "epitaxy.prediction.v1.PredictionService", "method": "Explain"},
    {"service": "epitaxy.prediction.v1.StructureService"},
    {"service": "epitaxy.models.v1.ModelService"},
    {"service": "epitaxy.measurements.v1.MeasurementService"},
)
_RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_OPTIONS = (
    ("grpc.service_config", json.dumps({"methodConfig": [{"name": _RETRIED_METHODS, "retryPolicy": _RETRY_POLICY}]})),
    ("grpc.max_receive_message_length", 64 << 20),
    # gRPC's own wait between connections grows to two minutes; a restarted server should be found sooner.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # NAT gateways and load balancers drop idle connections without a word; a ping finds that out before a call does.
    ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_SECONDS * 1000),
    # Without this one, gRPC gives a ping a minute, whatever the keepalive's timeout says.
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_SECONDS * 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)


@dataclass(slots=True)
class Sight:
    """Whether the server has ever answered: one that has is waited for if it is gone."""

    is_seen: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """Address of a server, and what it takes to be let in.

    Attributes:
        target: ``HOST:PORT``.
        api_key: Sent as ``authorization: Bearer <key>``; None sends nothing.
        root_certificates: PEM; empty for the system's root certificates, None for plain text.
        timeout_seconds: Longest time for one unary call.
        patience_seconds: Longest silence between two answers of a screening.
        server_name: Name that the server's certificate carries; empty: the target's host.
        sight: What all calls of one client learn of the server.
    """

    target: str
    api_key: str | None = field(repr=False)
    root_certificates: bytes | None = field(repr=False)
    timeout_seconds: float
    patience_seconds: float
    server_name: str = ""
    sight: Sight = field(default_factory=Sight, repr=False, compare=False)

    @classmethod
    def from_settings(
        cls,
        target: str | None,
        api_key: str | None,
        tls: bool | str | Path | None,
        *,
        timeout_seconds: float,
        patience_seconds: float,
    ) -> "Connection":
        """Fills what is not given from ``EPITAXY_TARGET``, ``EPITAXY_API_KEY`` and ``EPITAXY_TLS_CA``.

        ``EPITAXY_TLS_SERVER_NAME`` is for servers reached by another name than their certificate's: a Service of a
        cluster, a forwarded port.

        Raises:
            InvalidRequestError: The key cannot be sent, the CA file cannot be read, or a time is not positive.
        """
        if not (timeout_seconds > 0 and patience_seconds > 0):
            raise InvalidRequestError("timeout and patience must be more than 0 seconds", reason="INVALID_TIMEOUT")
        connection = cls(
            target=target or os.environ.get("EPITAXY_TARGET") or DEFAULT_TARGET,
            api_key=_checked_key(api_key or os.environ.get("EPITAXY_API_KEY")),
            root_certificates=_roots(os.environ.get("EPITAXY_TLS_CA") or None if tls is None else tls),
            timeout_seconds=timeout_seconds,
            patience_seconds=patience_seconds,
            server_name=os.environ.get("EPITAXY_TLS_SERVER_NAME", ""),
        )
        connection._warn_of_open_key()
        return connection

    @property
    def options(self) -> tuple[tuple[str, str | int], ...]:
        """Channel options."""
        if not (self.server_name and self.root_certificates is not None):
            return _OPTIONS
        return (*_OPTIONS, ("grpc.ssl_target_name_override", self.server_name))

    @property
    def credentials(self) -> grpc.ChannelCredentials | None:
        """TLS credentials, None for plain text."""
        if self.root_certificates is None:
            return None
        return grpc.ssl_channel_credentials(self.root_certificates or None)

    def metadata(self, request_id: str) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        key = (("authorization", f"Bearer {self.api_key}"),) if self.api_key else ()
        return ((REQUEST_ID_KEY, request_id), *key)

    def to_error(self, fault: Fault) -> EpitaxyClientError:
        """The error to raise for a call that failed for good; may ask the server for a second whether it speaks TLS."""
        return fault.to_error(self.target, uses_tls=self.root_certificates is not None)

    def _warn_of_open_key(self) -> None:
        if self.api_key and self.root_certificates is None and not self.target.startswith(_LOOPBACK):
            _logger.warning("the API key goes to %s in plain text: use TLS", self.target)


def new_request_id() -> str:
    """A name for one call, found again in the server's logs."""
    return uuid.uuid4().hex


def _checked_key(key: str | None) -> str | None:
    key = (key or "").strip()
    if not (key.isascii() and (key.isprintable() or not key)):
        raise InvalidRequestError("the API key holds characters that no key has", reason="INVALID_API_KEY")
    return key or None


def _roots(tls: bool | str | Path | None) -> bytes | None:
    if tls is None or tls is False:
        return None
    if tls is True:
        return b""
    try:
        return Path(tls).read_bytes()
    except OSError as error:
        raise InvalidRequestError(
            f"cannot read the CA file {tls}: {error.strerror}", reason="UNREADABLE_CA_FILE"
        ) from error
