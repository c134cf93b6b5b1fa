"""Tokens of an identity provider (OpenID Connect), checked by the keys that it publishes (JWKS)."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import jwt

from epitaxy.chassis.callers import ALL_BUT_ADMIN, Caller, Scope
from epitaxy.chassis.errors import UnauthenticatedError, UnavailableError
from epitaxy.chassis.tenants import TenantDirectory

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures by a private key. One by a shared secret, or none, is never taken."""
_LIFE_SECONDS, _PAUSE_SECONDS, _FETCH_SECONDS = 300.0, 10.0, 5.0
_LEEWAY_SECONDS = 30.0
_PREFIX = "epitaxy:"
_PLAIN_ID = re.compile(r"[A-Za-z0-9@._:+-]{1,120}")


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """Who issues tokens, and what they must say.

    Attributes:
        issuer: Claim ``iss``.
        audience: Claim ``aud``.
        jwks_url: Where the provider publishes its keys.
        tenant_claim: Claim that names the tenant, or a subject that an entry of the tenants file lists.
        scope_claim: Claim with scopes, ``epitaxy:predict`` or ``predict``, in a list or divided by spaces; a token
            without the claim may do all but ``admin``.
    """

    issuer: str
    audience: str
    jwks_url: str
    tenant_claim: str = "sub"
    scope_claim: str = "scope"


class OidcTokens:
    """Implements Authenticator by tokens."""

    def __init__(
        self,
        provider: OidcProvider,
        directory: Callable[[], TenantDirectory],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``directory`` gives the tenants as of now."""
        self._provider, self._directory, self._clock = provider, directory, clock
        self._client = jwt.PyJWKClient(provider.jwks_url, cache_jwk_set=False, timeout=_FETCH_SECONDS)
        self._keys: dict[str | None, Any] = {}
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def identify(self, credential: str) -> Caller:
        """Who presents a token. Raises UnauthenticatedError, UnavailableError if no key of the provider is known."""
        try:
            header = jwt.get_unverified_header(credential)
            key = await self._key(header.get("kid"))
            claims = jwt.decode(
                credential,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._provider.audience,
                issuer=self._provider.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError("the token has expired: get a new one", reason="EXPIRED_TOKEN") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise _refusal() from error
        return self._caller(claims)

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        subject = claims.get(self._provider.tenant_claim)
        tenant = self._directory().tenant_of_subject(subject) if isinstance(subject, str) else None
        if tenant is None:
            raise UnauthenticatedError("the token names no tenant of this server", reason="UNKNOWN_TENANT")
        who = str(claims.get("sub", subject))
        own = self._directory().limits[tenant]
        scopes = _scopes(claims.get(self._provider.scope_claim))
        ends = datetime.fromtimestamp(int(claims["exp"]), UTC)
        return Caller(tenant, f"jwt:{_id_of(who)}", scopes, own.weight, ends, own.own_cache)

    async def _key(self, key_id: str | None) -> Any:
        """The key of that name. An unknown name has the keys fetched again, at most every few seconds."""
        age = self._clock() - self._fetched_at
        if age > _LIFE_SECONDS or (key_id not in self._keys and age > _PAUSE_SECONDS):
            await self._fetch()
        if key_id not in self._keys:
            raise _refusal()
        return self._keys[key_id]

    async def _fetch(self) -> None:
        asked_at = self._clock()
        async with self._fetching:
            if self._fetched_at >= asked_at:
                return  # another call has fetched them meanwhile
            self._fetched_at = self._clock()
            try:
                found = await asyncio.to_thread(self._client.get_signing_keys)
            except (jwt.PyJWTError, OSError) as error:
                if not self._keys:
                    self._fetched_at = float("-inf")
                    raise UnavailableError(
                        "the identity provider does not answer: send it again", retry_after_seconds=_FETCH_SECONDS
                    ) from error
                return  # those of before are as good as they were
            self._keys = {key.key_id: key for key in found}


def _scopes(claim: object) -> frozenset[Scope]:
    if claim is None:
        return ALL_BUT_ADMIN
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    named = {str(word).removeprefix(_PREFIX) for word in words}
    return frozenset(scope for scope in Scope if scope.value in named)


def _id_of(subject: str) -> str:
    """The subject as logs and the audit log name it; a hash of one that they could not hold."""
    return subject if _PLAIN_ID.fullmatch(subject) else sha256(subject.encode()).hexdigest()[:32]


def _refusal() -> UnauthenticatedError:
    return UnauthenticatedError("the token is not valid", reason="INVALID_TOKEN")
