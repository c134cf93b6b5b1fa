"""Who may call, and how much: the tenants file."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from epitaxy.chassis.api_keys import KeyHash
from epitaxy.chassis.errors import UnauthenticatedError
from epitaxy_models.errors import ConfigurationError

LOCAL_TENANT = "local"

TenantName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
_HashLine = Annotated[str, AfterValidator(lambda line: str(KeyHash.parse(line)))]


class TenantLimits(BaseModel):
    """What a tenant may use at once; None: no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    structures_per_minute: PositiveInt | None = None
    max_concurrent_screens: PositiveInt | None = None


class TenantRecord(TenantLimits):
    """One entry of the tenants file."""

    key_hashes: tuple[_HashLine, ...] = Field(min_length=1)


_TENANTS_FILE: TypeAdapter[dict[TenantName, TenantRecord]] = TypeAdapter(dict[TenantName, TenantRecord])


class TenantDirectory:
    """Finds the tenant that a key belongs to. Immutable."""

    def __init__(self, tenants: Mapping[str, TenantRecord]) -> None:
        self._tenants = MappingProxyType(dict(tenants))
        self._keys: dict[str, tuple[KeyHash, str]] = {}
        for tenant, record in tenants.items():
            for line in record.key_hashes:
                self._add_key(KeyHash.parse(line), tenant)

    @classmethod
    def from_file(cls, path: Path) -> "TenantDirectory":
        """Reads ``{"<tenant>": {"key_hashes": [...], "structures_per_minute": ..., ...}}`` as JSON.

        Raises ConfigurationError.
        """
        try:
            return cls(_TENANTS_FILE.validate_json(path.read_bytes()))
        except OSError as error:
            raise ConfigurationError(f"the tenants file {path} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            raise ConfigurationError(f"the tenants file {path} is not valid: {_first_problem(error)}") from error

    @property
    def limits(self) -> Mapping[str, TenantLimits]:
        """Limits by tenant."""
        return self._tenants

    def authenticate(self, key: str) -> str:
        """The tenant of a key. Raises UnauthenticatedError."""
        presented = KeyHash.of(key)
        known, tenant = self._keys.get(presented.key_id, (None, "")) if presented else (None, "")
        if presented is None or known is None or not known.matches(presented):
            raise UnauthenticatedError("the API key is not valid", reason="INVALID_API_KEY")
        return tenant

    def _add_key(self, key_hash: KeyHash, tenant: str) -> None:
        if key_hash.key_id in self._keys:
            raise ConfigurationError(f"key {key_hash.key_id} appears twice in the tenants file")
        self._keys[key_hash.key_id] = (key_hash, tenant)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the whole file"
    return f"{place}: {problem['msg']}"
