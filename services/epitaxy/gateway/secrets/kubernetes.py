"""Secrets of the namespace that this pod runs in, through the API server."""

import json
import os
import ssl
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from epitaxy_models.errors import ConfigurationError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS = 20.0


class KubernetesSecrets:
    """Implements SecretStore by two kinds of requests: no client library is needed. Raises ConfigurationError."""

    def __init__(self, url: str, token: str, namespace: str, labels: Mapping[str, str], ca_file: Path | None) -> None:
        self._url = f"{url}/api/v1/namespaces/{namespace}/secrets"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._labels = dict(labels)
        self._tls = ssl.create_default_context(cafile=ca_file) if ca_file else None

    @classmethod
    def of_this_pod(cls, labels: Mapping[str, str], account: Path = ACCOUNT) -> "KubernetesSecrets":
        """Secrets of this pod's namespace, through the service account that the kubelet mounts."""
        try:
            token, namespace = ((account / name).read_text().strip() for name in ("token", "namespace"))
            host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
            bracketed = f"[{host}]" if ":" in host else host
            return cls(f"https://{bracketed}:{port}", token, namespace, labels, account / "ca.crt")
        except (OSError, KeyError) as error:
            raise ConfigurationError("this command runs only in a pod with a service account's token") from error

    def get(self, name: str) -> Mapping[str, str] | None:
        """Returns the content of a Secret, decoded."""
        found = self._ask(f"{self._url}/{name}", None, {HTTPStatus.NOT_FOUND})
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
        return self._ask(self._url, json.dumps(secret).encode(), {HTTPStatus.CONFLICT}) is not None

    def _ask(self, url: str, body: bytes | None, absences: set[HTTPStatus]) -> dict[str, Any] | None:
        request = urllib.request.Request(url, body, self._headers)  # the API server's own address
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=self._tls) as response:
                answer: dict[str, Any] = json.loads(response.read())
                return answer
        except urllib.error.HTTPError as error:
            if error.code in absences:
                return None
            raise ConfigurationError(f"the API server refuses {request.get_method()} {url}: {error.code}") from error
        except OSError as error:
            raise ConfigurationError(f"the API server does not answer at {url}: {error}") from error
