"""Internal calls carry a signature by a secret that the services share: who is not one of them is not believed.

The signature binds the tenant, the method and the time, so what leaks from one call opens no other for long. The secret
itself does not travel.
"""

import hmac
import time
from collections.abc import Mapping
from hashlib import sha256

from epitaxy.chassis.errors import UnauthenticatedError

TENANT_HEADER = "x-tenant"
WEIGHT_HEADER = "x-tenant-weight"
OWN_CACHE_HEADER = "x-tenant-own-cache"
"""Present if what the tenant asks is cached for it alone."""
SECONDS_LEFT_HEADER = "x-seconds-left"
"""How long the caller still waits, where the way to the service does not tell: Ray Serve passes no deadline on."""
SIGNATURE_HEADER = "x-gateway-signature"
VALID_SECONDS = 300
"""Longest age of a signature, and largest difference of clocks."""

_VERSION = "v1"


def signed(secret: str, tenant: str, method: str, now: float | None = None) -> tuple[tuple[str, str], ...]:
    """Metadata that prove a call; none without a secret.

    Args:
        secret: What the services share; empty: calls are not signed.
        tenant: On whose behalf the call is made; empty for a probe.
        method: Name of the method, without its service.
        now: Seconds since 1970; None: this moment.
    """
    if not secret:
        return ()
    at = int(time.time() if now is None else now)
    return ((SIGNATURE_HEADER, f"{_VERSION}.{at}.{_signature(secret, tenant, method, at)}"),)


def check_signature(secret: str, metadata: Mapping[str, str], method: str, now: float | None = None) -> None:
    """Raises UnauthenticatedError unless the call was signed with the secret a short time ago."""
    if not is_signed(secret, metadata, method, now):
        raise UnauthenticatedError("only the gateway may call")


def is_signed(secret: str, metadata: Mapping[str, str], method: str, now: float | None = None) -> bool:
    """Whether the metadata prove that a holder of the secret made this call a short time ago."""
    version, _, rest = str(metadata.get(SIGNATURE_HEADER, "")).partition(".")
    at, _, signature = rest.partition(".")
    if version != _VERSION or not (at.isascii() and at.isdecimal() and len(at) <= 12):
        return False
    expected = _signature(secret, str(metadata.get(TENANT_HEADER, "")), method, int(at))
    is_fresh = abs((time.time() if now is None else now) - int(at)) <= VALID_SECONDS
    return hmac.compare_digest(signature.encode(), expected.encode()) and is_fresh


def _signature(secret: str, tenant: str, method: str, at: int) -> str:
    return hmac.new(secret.encode(), f"{_VERSION}\n{at}\n{tenant}\n{method}".encode(), sha256).hexdigest()
