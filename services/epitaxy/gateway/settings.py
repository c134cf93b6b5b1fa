"""Settings of the gateway."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import SettingsConfigDict

from epitaxy.chassis.settings import ServiceSettings, host_port, is_loopback

Port = Annotated[int, Field(ge=0, le=65535)]


class AdminOnly(StrEnum):
    """A call that may be left to keys with the scope ``admin``."""

    OVERRIDE = "override"
    DELETE_DATA = "delete_data"


class GatewaySettings(ServiceSettings):
    """Read from ``EPITAXY_GATEWAY_<NAME>``; a port of 0 is any free one."""

    model_config = SettingsConfigDict(env_prefix="EPITAXY_GATEWAY_")

    host: str = "127.0.0.1"
    port: Port = 50051
    tls_cert_path: Path | None = None
    tls_key_path: Path | None = None
    tenants_file: Path | None = None
    """Tenants with their key hashes. Without it, everyone who can connect is served, so only loopback is bound."""
    tenants_poll_seconds: PositiveFloat = 2.0
    """How often the tenants file is looked at for a change."""
    allows_shared_files: bool = False
    """Whether a tenants file or TLS key is read that other users of this machine can read or change."""

    oidc_issuer: str = ""
    """Issuer of tokens that are taken beside keys, as their claim "iss" names it; empty: none are."""
    oidc_audience: str = ""
    """What the tokens' claim "aud" must name."""
    oidc_jwks_url: str = ""
    """Where the issuer publishes its keys."""
    oidc_tenant_claim: str = "sub"
    """Claim that names the tenant, or one of the "subjects" of its entry in the tenants file."""

    admin_only: frozenset[AdminOnly] = frozenset()
    """Calls of tenants on their own data that need a key with the scope "admin": "override", which is a promotion in
    spite of objections, and "delete_data"."""

    upstream: str = "127.0.0.1:9000"
    """HOST:PORT (or any gRPC target) of the prediction application."""
    upstream_application: str = "prediction"
    """Name of the application in Ray Serve, which routes by it."""
    prediction_secret_file: Path | None = None
    """File with the secret by which calls of the prediction application are signed."""
    upstream_connect_patience_seconds: PositiveFloat = 2.0
    """Longest time between two attempts to connect to a lost upstream."""

    finetune_upstream: str = ""
    """HOST:PORT of the fine-tune service; empty: there is none, and its calls are refused as FAILED_PRECONDITION."""
    finetune_secret_file: Path | None = None
    """File with the secret by which the fine-tune service knows the gateway."""

    campaigns_upstream: str = ""
    """HOST:PORT of the campaign service; empty: there is none, and its calls are refused as FAILED_PRECONDITION."""
    campaigns_secret_file: Path | None = None
    """File with the secret by which the campaign service knows the gateway."""

    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9464
    log_level: str = "INFO"

    max_structures_per_message: PositiveInt = 512
    max_structures_per_predict: PositiveInt = 64
    max_structures_per_explain: PositiveInt = 8
    max_message_bytes: PositiveInt = 16 * 1024 * 1024
    max_screens: PositiveInt = 256
    """Concurrent streams of all tenants together; more are shed. A stream counts from its first message."""
    screens_each: NonNegativeInt = 0
    """Concurrent streams of a tenant whose entry sets no number; 0: a quarter of all."""
    screen_idle_seconds: PositiveFloat = 300.0
    """A stream on which nothing is under way ends after this time without a message."""
    max_candidates: PositiveInt = 10_000_000
    """Candidates of one search."""
    max_candidates_at_once: PositiveInt = 10_000_000
    """Candidates of all searches that are open; further searches are shed. Each candidate takes 13 bytes while its
    search is open, and 54 for the moments in which the search chooses what to evaluate next."""
    max_connections: PositiveInt = 4096
    """Connections; more are closed at once."""
    max_calls_per_connection: PositiveInt = 256
    """Open calls of one connection; more wait at their client."""
    handshake_seconds: PositiveFloat = 10.0
    """Longest time from a connection to its TLS and HTTP/2 handshake."""
    max_connection_idle_seconds: PositiveFloat = 1800.0
    """A connection without a call is closed after this time; clients open another when they call."""
    max_connection_age_seconds: PositiveFloat = 3600.0
    """A connection takes no more calls after about this time, so that its client meets gateways that came later."""
    chunk_window: PositiveInt = 8
    """Messages of one stream that are in flight at once: the back-pressure."""

    upstream_window: PositiveInt = 64
    """Messages of all tenants that are upstream at once; further ones wait here for their tenant's turn."""

    default_deadline_seconds: PositiveFloat = 60.0
    """Deadline of unary calls that have none."""
    chunk_attempt_seconds: PositiveFloat = 120.0
    """Longest wait for one upstream answer."""
    chunk_patience_seconds: PositiveFloat = 300.0
    """Longest time for which a chunk of a stream is tried again, overload included."""
    chunk_retries: NonNegativeInt = 4
    """How often a chunk that was lost upstream is sent again."""
    retry_base_seconds: PositiveFloat = 0.25
    retry_max_seconds: PositiveFloat = 5.0

    readiness_interval_seconds: PositiveFloat = 2.0
    shutdown_grace_seconds: NonNegativeFloat = 20.0

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "GatewaySettings":
        if (self.tls_cert_path is None) != (self.tls_key_path is None):
            raise ValueError("TLS needs both tls_cert_path and tls_key_path")
        return self

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> "GatewaySettings":
        given = [bool(value) for value in (self.oidc_issuer, self.oidc_audience, self.oidc_jwks_url)]
        if any(given) and not all((*given, self.tenants_file is not None)):
            raise ValueError("tokens need oidc_issuer, oidc_audience, oidc_jwks_url and tenants_file")
        url = urlsplit(self.oidc_jwks_url)
        if self.oidc_jwks_url and url.scheme != "https" and not is_loopback(url.hostname or ""):
            raise ValueError("oidc_jwks_url must begin with https://, or whoever is on the line could make tokens")
        return self

    @model_validator(mode="after")
    def _open_only_on_loopback(self) -> "GatewaySettings":
        if self.tenants_file is None and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} is reachable from other machines and no tenants_file is set, so anyone could call: "
                "set EPITAXY_GATEWAY_TENANTS_FILE, or bind 127.0.0.1"
            )
        return self

    @property
    def default_screens(self) -> int:
        """Concurrent streams of a tenant whose entry sets no number."""
        if self.tenants_file is None:
            return self.max_screens
        return self.screens_each or max(1, self.max_screens // 4)

    @property
    def address(self) -> str:
        """Where to listen, as gRPC writes it."""
        return host_port(self.host, self.port)
