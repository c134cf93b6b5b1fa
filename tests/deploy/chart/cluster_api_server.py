"""As much of a Kubernetes API server as the keeper meets: conflicts, JSON patches, finalizers and rights, over HTTP."""

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

NAMESPACE, TOKEN = "epitaxy", "of-the-account"
_PATH = re.compile(rf"/(apis?(?:/[\w.]+)?/v1)/namespaces/{NAMESPACE}/(\w+)(?:/([\w-]+))?")


class ClusterApiServer(ThreadingHTTPServer):
    """Serves until `stop`. Objects with a finalizer stay, marked, until `finish`.

    Args:
        may: Says whether the account may do a verb to a resource of a name.
    """

    def __init__(self, may: Callable[[str, str, str], bool] = lambda verb, resource, name: True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.may, self.objects = may, {}
        self.requests: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._thread = Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    objects: dict[str, dict[str, Any]]

    def finish(self, path: str) -> None:
        """The finalizer of an object that is being deleted is done."""
        assert "deletionTimestamp" in self.objects[path]["metadata"]
        del self.objects[path]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ClusterApiServer

    def _serve(self, verb: str) -> None:
        found = _PATH.fullmatch(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        if found is None:
            return self._answer(404, {})
        version, resource, name = found.groups()
        name = name or body["metadata"]["name"]
        path = f"{version}/{resource}/{name}"
        self.server.requests.append((verb, path))
        # RBAC cannot tell names of what is to be created.
        permitted = self.server.may(verb, resource, "" if verb == "create" else name)
        if not permitted or self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self._answer(403, {"reason": "Forbidden"})
        return self._answer(*getattr(self, f"_{verb}")(path, body))

    def _get(self, path: str, _: Any) -> tuple[int, Any]:
        held = self.server.objects.get(path)
        return (404, {}) if held is None else (200, held)

    def _create(self, path: str, body: Any) -> tuple[int, Any]:
        if path in self.server.objects:
            return 409, {"reason": "AlreadyExists"}
        self.server.objects[path] = body
        return 201, body

    def _patch(self, path: str, body: Any) -> tuple[int, Any]:
        assert self.headers["Content-Type"] == "application/json-patch+json"
        changed = json.loads(json.dumps(self.server.objects[path]))
        for operation in body:
            *parents, last = operation["path"].strip("/").split("/")
            place = changed
            for part in parents:
                place = place[int(part) if isinstance(place, list) else part]
            if operation["op"] == "test" and place[last] != operation["value"]:
                return 422, {"reason": "Invalid"}
            place[last] = operation["value"]
        self.server.objects[path] = changed
        return 200, changed

    def _delete(self, path: str, body: Any) -> tuple[int, Any]:
        held = self.server.objects.get(path)
        if held is None:
            return 404, {}
        assert body == {"propagationPolicy": "Foreground"}
        if held["metadata"].get("finalizers"):
            held["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
        else:
            del self.server.objects[path]
        return 200, held

    def do_GET(self) -> None:
        self._serve("get")

    def do_POST(self) -> None:
        self._serve("create")

    def do_PATCH(self) -> None:
        self._serve("patch")

    def do_DELETE(self) -> None:
        self._serve("delete")

    def _answer(self, code: int, body: Any) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        return None
