"""Secrets of a new installation: made where they are missing, never changed, never printed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Protocol

from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy_models.errors import ConfigurationError

TENANTS_FILE, API_KEY = "tenants.json", "key"


class SecretStore(Protocol):
    """Secrets by name."""

    def get(self, name: str) -> Mapping[str, str] | None:
        """Its content; None where there is none."""

    def create(self, name: str, content: Mapping[str, str]) -> bool:
        """Makes it; False where somebody else was faster."""


@dataclass(frozen=True, slots=True)
class DatabaseSecret:
    """Password and URLs of the release's own Postgres."""

    name: str
    server: str

    def content(self) -> dict[str, str]:
        """With a new password."""
        password = token_hex(24)
        account = f"epitaxy:{password}@{self.server}"
        return {
            "password": password,
            "jobs-url": f"postgresql+psycopg://{account}/epitaxy",
            "mlflow-url": f"postgresql://{account}/mlflow",
        }


@dataclass(frozen=True, slots=True)
class BootstrapPlan:
    """What has to be there.

    Attributes:
        tenant: The first one, where the tenants' Secret is missing.
        tenants: Name of the Secret with the tenants file; empty: none is made.
        api_key: Name of the Secret with that tenant's key.
        random: Names of Secrets and their keys that hold any random text.
        database: That of an own Postgres.
    """

    tenant: str
    tenants: str = ""
    api_key: str = ""
    random: Sequence[tuple[str, str]] = ()
    database: DatabaseSecret | None = field(default=None)


def bootstrap(plan: BootstrapPlan, store: SecretStore) -> Iterator[str]:
    """Makes what is missing and names it. Safe to run again, and beside itself. Raises ConfigurationError."""
    for name, key in plan.random:
        yield from _ensure(store, name, lambda key=key: {key: token_hex(32)})  # type: ignore[misc]  # bound per loop
    if plan.database is not None:
        yield from _ensure(store, plan.database.name, plan.database.content)
    if plan.tenants and store.get(plan.tenants) is None:
        # The key first: a tenants file without it would lock everybody out, and a second run finds the key.
        yield from _ensure(store, plan.api_key, lambda: {API_KEY: new_api_key()})
        yield from _ensure(store, plan.tenants, lambda: {TENANTS_FILE: _tenants_file(plan, store)})


def _ensure(store: SecretStore, name: str, content: Callable[[], Mapping[str, str]]) -> Iterator[str]:
    if store.get(name) is None and store.create(name, content()):
        yield name


def _tenants_file(plan: BootstrapPlan, store: SecretStore) -> str:
    key = (store.get(plan.api_key) or {}).get(API_KEY, "")
    known = KeyHash.of(key)
    if known is None:
        raise ConfigurationError(f'the Secret {plan.api_key} holds no API key under "{API_KEY}": delete or repair it')
    return json.dumps({plan.tenant: {"key_hashes": [str(known)]}})
