"""Who may call, and how much: the tenants file."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from epitaxy.chassis.api_keys import KeyHash
from epitaxy.chassis.callers import ALL_BUT_ADMIN, Caller, Scope
from epitaxy.chassis.errors import UnauthenticatedError
from epitaxy_models.errors import ConfigurationError

LOCAL_TENANT = "local"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
TenantName = Annotated[str, Field(pattern=rf"^{_NAME.pattern}$")]
_HashLine = Annotated[str, AfterValidator(lambda line: str(KeyHash.parse(line)))]
_STRICT = ConfigDict(frozen=True, extra="forbid")


def is_tenant_name(text: str) -> bool:
    """Whether a tenant may be called that."""
    return _NAME.fullmatch(text) is not None


class TenantLimits(BaseModel):
    """What a tenant may use at once; None: no limit of the tenant's own.

    Attributes:
        structures_per_minute: Structures of all calls together.
        max_concurrent_screens: Open screens.
        weight: Share of what is scarce, relative to other tenants that want it at the same time.
        own_cache: Whether what the tenant asks is cached for it alone, at the price of computing what others have
            asked.
    """

    model_config = _STRICT

    structures_per_minute: PositiveInt | None = None
    max_concurrent_screens: PositiveInt | None = None
    weight: PositiveFloat = 1.0
    own_cache: bool = False


class KeyRecord(BaseModel):
    """A key that ends, or that may do less than its tenant.

    Attributes:
        hash: Line that ``keys new`` prints.
        expires_at: When the key ends, with an offset from UTC; None: never.
        scopes: What the key may do; None: all but ``admin``.
    """

    model_config = _STRICT

    hash: _HashLine
    expires_at: AwareDatetime | None = None
    scopes: frozenset[Scope] | None = None


class TenantRecord(TenantLimits):
    """One entry of the tenants file.

    Attributes:
        key_hashes: Keys that never end and may do all but ``admin``.
        keys: Keys with an end or with scopes.
        subjects: Claims of tokens that mean this tenant, if the gateway takes tokens and not by the tenant's name.
    """

    key_hashes: tuple[_HashLine, ...] | None = Field(None, min_length=1)
    keys: tuple[KeyRecord, ...] = ()
    subjects: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_a_key(self) -> "TenantRecord":
        if not (self.key_hashes or self.keys or self.subjects):
            raise ValueError("key_hashes, keys and subjects are all empty, so nobody could call")
        return self

    def all_keys(self) -> Iterator[KeyRecord]:
        """Keys of both lists."""
        yield from (KeyRecord(hash=line) for line in self.key_hashes or ())
        yield from self.keys


_TENANTS_FILE: TypeAdapter[dict[TenantName, TenantRecord]] = TypeAdapter(dict[TenantName, TenantRecord])


class TenantDirectory:
    """Finds the tenant that a key belongs to. Immutable."""

    def __init__(self, tenants: Mapping[str, TenantRecord]) -> None:
        self._tenants = MappingProxyType(dict(tenants))
        self._keys: dict[str, tuple[KeyHash, KeyRecord, str]] = {}
        self._subjects: dict[str, str] = {}
        for tenant, record in tenants.items():
            for key in record.all_keys():
                self._add_key(KeyHash.parse(key.hash), key, tenant)
            for subject in record.subjects:
                if self._subjects.setdefault(subject, tenant) != tenant:
                    raise ConfigurationError(f"subject {subject} belongs to two tenants in the tenants file")

    @classmethod
    def from_file(cls, path: Path) -> "TenantDirectory":
        """Reads a file as `parse` does. Raises ConfigurationError."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"the tenants file {path.name} cannot be read: {error.strerror}") from error
        return cls.parse(content, path.name)

    @classmethod
    def parse(cls, content: bytes, name: str = "") -> "TenantDirectory":
        """Reads ``{"<tenant>": {"key_hashes": [...], "structures_per_minute": ..., ...}}`` as JSON.

        Raises ConfigurationError, also for a tenant that is named twice and for a file that names none.
        """
        file = f"the tenants file {name}".strip()
        try:
            tenants = _TENANTS_FILE.validate_python(_loaded(content))
        except ValidationError as error:
            raise ConfigurationError(f"{file} is not valid: {_first_problem(error)}") from error
        except ValueError as error:
            raise ConfigurationError(f"{file} is not valid: {error}") from error
        if not tenants:
            raise ConfigurationError(f"{file} names no tenant, so nobody could call")
        return cls(tenants)

    @property
    def limits(self) -> Mapping[str, TenantLimits]:
        """Limits by tenant."""
        return self._tenants

    def authenticate(self, key: str) -> str:
        """The tenant of a key. Raises UnauthenticatedError."""
        return self.find(key).tenant

    def find(self, key: str, now: datetime | None = None) -> Caller:
        """Who holds a key, at ``now`` or at this moment. Raises UnauthenticatedError."""
        presented = KeyHash.of(key)
        found = self._keys.get(presented.key_id) if presented else None
        if presented is None or found is None or not found[0].matches(presented):
            raise UnauthenticatedError("the API key is not valid", reason="INVALID_API_KEY")
        _, record, tenant = found
        if record.expires_at is not None and record.expires_at <= (now or datetime.now(UTC)):
            raise UnauthenticatedError(
                f"the API key has expired on {record.expires_at:%Y-%m-%d}: ask for a new one", reason="EXPIRED_API_KEY"
            )
        scopes = ALL_BUT_ADMIN if record.scopes is None else record.scopes
        own = self._tenants[tenant]
        return Caller(tenant, presented.key_id, scopes, own.weight, record.expires_at, own.own_cache)

    def tenant_of_subject(self, subject: str) -> str | None:
        """The tenant that a token's claim means: the one that lists it, else the one of that name."""
        listed = self._subjects.get(subject)
        return listed or (subject if subject in self._tenants else None)

    def _add_key(self, key_hash: KeyHash, record: KeyRecord, tenant: str) -> None:
        if key_hash.key_id in self._keys:
            raise ConfigurationError(f"key {key_hash.key_id} appears twice in the tenants file")
        self._keys[key_hash.key_id] = (key_hash, record, tenant)


def _loaded(content: bytes) -> Any:
    """The JSON value. Raises ValueError, also for a name that an object has twice."""
    if not content.strip():
        raise ValueError("the whole file: is empty")
    try:
        return json.loads(content, object_pairs_hook=_without_repeats)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the whole file: Invalid JSON: {error}") from error


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"{name!r} is named twice")
        made[name] = value
    return made


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the whole file"
    return f"{place}: {problem['msg']}"
