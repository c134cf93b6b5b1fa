"""As much of a Kubernetes API server as making Secrets needs: reads, writes, conflicts and refusals, over HTTP."""

import json
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

PREFIX = "/api/v1/namespaces/epitaxy/secrets"
TOKEN = "of-the-account"


class ApiServer(ThreadingHTTPServer):
    """Serves until `stop`; ``readable`` are the names that the account's Role lists."""

    def __init__(self, readable: set[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.readable = readable
        self.secrets: dict[str, dict[str, str]] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.requests: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._thread = Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        name = self.path.removeprefix(f"{PREFIX}/")
        self.server.requests.append(("get", name))
        held = self.server.secrets.get(name)
        if self._is_refused(name in self.server.readable):
            self._answer(403, {"reason": "Forbidden"})
        elif held is None:
            self._answer(404, {"reason": "NotFound"})
        else:
            data = {key: b64encode(value.encode()).decode() for key, value in held.items()}
            self._answer(200, {"kind": "Secret", "data": data})

    def do_POST(self) -> None:
        secret = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = secret["metadata"]["name"]
        self.server.requests.append(("create", name))
        if self._is_refused(self.path == PREFIX):
            self._answer(403, {"reason": "Forbidden"})
        elif name in self.server.secrets:
            self._answer(409, {"reason": "AlreadyExists"})
        else:
            self.server.secrets[name] = secret["stringData"]
            self.server.labels[name] = secret["metadata"]["labels"]
            self._answer(201, secret)

    def _is_refused(self, is_permitted: bool) -> bool:
        return not is_permitted or self.headers["Authorization"] != f"Bearer {TOKEN}"

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        return None
