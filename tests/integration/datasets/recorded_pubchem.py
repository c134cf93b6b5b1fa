"""A local server of PUG REST with answers as its documentation shows them, and faults on request."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote

GREEN = "Request Count status: Green (0%), Request Time status: Green (0%), Service status: Green (20%)"
NAMES = {"aspirin": [2244], "ethanol": [702], "glucose": [5793, 79025, 64689], "table salt": [5234]}
# Weights are text, as PubChem sends them since 2021; not every compound has every property.
COMPOUNDS = {
    2244: {"SMILES": "CC(=O)OC1=CC=CC=C1C(=O)O", "MolecularWeight": "180.16", "XLogP": 1.2},
    702: {"SMILES": "CCO", "MolecularWeight": "46.07", "XLogP": -0.1},
    5793: {"SMILES": "C([C@@H]1[C@H]([C@@H]([C@H](C(O1)O)O)O)O)O", "MolecularWeight": "180.16", "XLogP": -2.6},
    5234: {"SMILES": "[Na+].[Cl-]", "MolecularWeight": "58.44"},
    8254: {"SMILES": "COC", "MolecularWeight": "46.07", "XLogP": 0.1},
}
FORMULAS = {"C2H6O": [702, 8254]}
NOT_FOUND = {
    "Fault": {
        "Code": "PUGREST.NotFound",
        "Message": "No CID found",
        "Details": ["No CID found that matches the given name"],
    }
}
BUSY = {"Fault": {"Code": "PUGREST.ServerBusy", "Message": "Too many requests or server too busy"}}


@dataclass
class RecordedPubchem:
    """What the server was asked, and what goes wrong next.

    Attributes:
        asked: Method, path and form of each request.
        busy: Requests that are answered with 503 next.
        polls: Looks at a list key until the result is there.
        throttling: The header of the next answers; green when they are used up.
        dies_after: Requests after which every answer is a refusal.
    """

    url: str = ""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    busy: int = 0
    polls: int = 0
    throttling: list[str] = field(default_factory=list)
    dies_after: int = 10**9
    _looks: Counter[str] = field(default_factory=Counter)

    def answer(self, method: str, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append((method, path, form))
        if len(self.asked) > self.dies_after:
            return 400, {"Fault": {"Code": "PUGREST.BadRequest", "Message": "Out of order"}}
        if self.busy:
            self.busy -= 1
            return 503, BUSY
        words = path.split("/")
        if path == "compound/name/cids/JSON":
            return _identifiers(NAMES.get(form["name"], []))
        if words[1] in ("fastformula", "fastsubstructure", "exact_mass"):
            return self._wait("1234567890") if self.polls else self._found(words)
        if words[1] == "listkey":
            self._looks[words[2]] += 1
            return self._wait(words[2]) if self._looks[words[2]] < self.polls else _identifiers(FORMULAS["C2H6O"])
        assert path.startswith("compound/cid/property/"), path
        names = words[3].split(",")
        rows = [{"CID": cid, **_chosen(cid, names)} for cid in map(int, form["cid"].split(",")) if cid in COMPOUNDS]
        return (200, {"PropertyTable": {"Properties": rows}}) if rows else (404, NOT_FOUND)

    def _found(self, words: list[str]) -> tuple[int, dict[str, Any]]:
        return _identifiers(FORMULAS.get(words[2], []) if words[1] == "fastformula" else FORMULAS["C2H6O"])

    def _wait(self, key: str) -> tuple[int, dict[str, Any]]:
        return 202, {"Waiting": {"ListKey": key, "Message": "Your request is running"}}


def _identifiers(ids: list[int]) -> tuple[int, dict[str, Any]]:
    return (200, {"IdentifierList": {"CID": ids}}) if ids else (404, NOT_FOUND)


def _chosen(cid: int, names: list[str]) -> dict[str, Any]:
    return {name: value for name, value in COMPOUNDS[cid].items() if name in names}


@contextmanager
def recorded_pubchem() -> Iterator[RecordedPubchem]:
    """Runs the server on a free port of this machine."""
    recorded = RecordedPubchem()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form: dict[str, str]) -> None:
            path = unquote(self.path).removeprefix("/rest/pug/")
            status, document = recorded.answer(self.command, path, form)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Throttling-Control", recorded.throttling.pop(0) if recorded.throttling else GREEN)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    recorded.url = f"http://127.0.0.1:{server.server_address[1]}/rest/pug"
    try:
        yield recorded
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
