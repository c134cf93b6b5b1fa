"""One namespace of a Kubernetes API server, as the service account of a pod may use it: less than a client library."""

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from epitaxy.chassis.errors import UnavailableError
from epitaxy_models.errors import ConfigurationError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS = 20.0
_JSON, _JSON_PATCH = "application/json", "application/json-patch+json"


class KubernetesApi:
    """Reads and changes objects by paths such as ``apis/ray.io/v1/rayclusters/NAME``, without the namespace.

    Every method raises UnavailableError if the server does not answer, ConfigurationError if it refuses.

    Args:
        url: ``https://HOST:PORT``.
        token: Reads the account's token; the kubelet renews it every hour.
        namespace: Of all objects.
        ca_file: Authority of the server's certificate; None: that of the system.
    """

    def __init__(self, url: str, token: Callable[[], str], namespace: str, ca_file: Path | None = None) -> None:
        self._url, self._token, self._namespace = url, token, namespace
        tls = ssl.create_default_context(cafile=ca_file)
        # Without the site's proxy, which does not reach the API server.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )

    @classmethod
    def of_this_pod(cls, account: Path = ACCOUNT) -> "KubernetesApi":
        """With the service account that the kubelet mounts. Raises ConfigurationError outside of a pod."""
        try:
            namespace = (account / "namespace").read_text().strip()
            (account / "token").read_text()
            host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
            bracketed, token = f"[{host}]" if ":" in host else host, account / "token"
            return cls(f"https://{bracketed}:{port}", lambda: token.read_text().strip(), namespace, account / "ca.crt")
        except (OSError, KeyError) as error:
            raise ConfigurationError("this command runs only in a pod with a service account's token") from error

    def get(self, path: str) -> dict[str, Any] | None:
        """The object; None if there is none, or no such kind."""
        return self._ask("GET", path, absences={HTTPStatus.NOT_FOUND})

    def create(self, path: str, made: Mapping[str, Any]) -> bool:
        """Makes an object of the kind at the path; False if one of its name exists."""
        return self._ask("POST", path, made, {HTTPStatus.CONFLICT}) is not None

    def patch(self, path: str, operations: Sequence[Mapping[str, Any]]) -> bool:
        """Applies a JSON patch; False if the object is not there, or a test in the patch does not hold."""
        absences = {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
        return self._ask("PATCH", path, list(operations), absences) is not None

    def delete(self, path: str) -> bool:
        """Deletes an object after everything that it owns; False if it is not there."""
        options = {"propagationPolicy": "Foreground"}
        return self._ask("DELETE", path, options, {HTTPStatus.NOT_FOUND}) is not None

    def _ask(
        self, method: str, path: str, body: Any = None, absences: frozenset[HTTPStatus] | set[HTTPStatus] = frozenset()
    ) -> dict[str, Any] | None:
        request = urllib.request.Request(
            f"{self._url}/{_in_namespace(path, self._namespace)}",
            None if body is None else json.dumps(body).encode(),
            {
                "Authorization": f"Bearer {self._token()}",
                "Content-Type": _JSON_PATCH if method == "PATCH" else _JSON,
            },
            method=method,
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                answer: dict[str, Any] = json.loads(response.read())
                return answer
        except urllib.error.HTTPError as error:
            if error.code in absences:
                return None
            if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code == HTTPStatus.TOO_MANY_REQUESTS:
                raise UnavailableError(f"the API server answers {error.code} to {method} {path}") from error
            raise ConfigurationError(f"the API server refuses {method} {request.full_url}: {error.code}") from error
        except OSError as error:
            raise UnavailableError(f"the API server does not answer at {request.full_url}: {error}") from error


def _in_namespace(path: str, namespace: str) -> str:
    """``api/v1/secrets`` as ``api/v1/namespaces/NAMESPACE/secrets``; groups have one part more."""
    parts = path.split("/")
    n_version = 2 if parts[0] == "api" else 3
    return "/".join([*parts[:n_version], "namespaces", namespace, *parts[n_version:]])
