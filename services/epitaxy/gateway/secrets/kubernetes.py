"""Secrets of the namespace that this pod runs in, through the API server."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from epitaxy.chassis.errors import UnavailableError
from epitaxy.chassis.kubernetes_api import ACCOUNT, KubernetesApi
from epitaxy_models.errors import ConfigurationError

_SECRETS = "api/v1/secrets"


class KubernetesSecrets:
    """Implements SecretStore. Raises ConfigurationError."""

    def __init__(self, api: KubernetesApi, labels: Mapping[str, str]) -> None:
        self._api, self._labels = api, dict(labels)

    @classmethod
    def of_this_pod(cls, labels: Mapping[str, str], account: Path = ACCOUNT) -> "KubernetesSecrets":
        """Secrets of this pod's namespace, through the service account that the kubelet mounts."""
        return cls(KubernetesApi.of_this_pod(account), labels)

    def get(self, name: str) -> Mapping[str, str] | None:
        """Returns the content of a Secret, decoded."""
        with _as_configuration():
            found = self._api.get(f"{_SECRETS}/{name}")
        if found is None:
            return None
        return {key: b64decode(value).decode() for key, value in (found.get("data") or {}).items()}

    def create(self, name: str, content: Mapping[str, str]) -> bool:
        """Makes a Secret with this release's labels."""
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": name, "labels": self._labels},
            "stringData": dict(content),
        }
        with _as_configuration():
            return self._api.create(_SECRETS, secret)


@contextmanager
def _as_configuration() -> Iterator[None]:
    """The hook ends with its reason, and its Job begins it again."""
    try:
        yield
    except UnavailableError as error:
        raise ConfigurationError(str(error)) from error
