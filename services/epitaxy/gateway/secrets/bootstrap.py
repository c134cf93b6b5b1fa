"""Secrets of a new installation: missing ones are made; none is changed or printed."""

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
        """Returns the content of a Secret; None if there is none."""

    def create(self, name: str, content: Mapping[str, str]) -> bool:
        """Makes a Secret; returns False if there is one by now, which MUST stay as it is."""


@dataclass(frozen=True, slots=True)
class DatabaseSecret:
    """Password and URLs of the release's own Postgres."""

    name: str
    server: str

    def content(self) -> dict[str, str]:
        """Content with a new random password."""
        password = token_hex(24)
        account = f"epitaxy:{password}@{self.server}"
        return {
            "password": password,
            "jobs-url": f"postgresql+psycopg://{account}/epitaxy",
            "mlflow-url": f"postgresql://{account}/mlflow",
        }


@dataclass(frozen=True, slots=True)
class BootstrapPlan:
    """The Secrets that an installation needs.

    Attributes:
        tenant: The first tenant, if the tenants' Secret is missing.
        tenants: Name of the Secret with the tenants file; empty: none is made.
        api_key: Name of the Secret with that tenant's key.
        random: Names of Secrets and of their keys, which hold random text.
        database: The Secret of a Postgres of the release's own.
    """

    tenant: str
    tenants: str = ""
    api_key: str = ""
    random: Sequence[tuple[str, str]] = ()
    database: DatabaseSecret | None = field(default=None)


def bootstrap(plan: BootstrapPlan, store: SecretStore) -> Iterator[str]:
    """Makes what is missing and yields its name. Safe to run again, also concurrently. Raises ConfigurationError."""
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
