"""PubChem's PUG REST: compound ids of a search, and properties of compounds.

Long searches answer 202 with a list key, which is asked for again until the result is there. Every answer carries
``X-Throttling-Control``, by which the server tells how much of one's share is used; requests slow down before it
refuses them (https://pubchem.ncbi.nlm.nih.gov/docs/dynamic-request-throttling).
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import httpx2 as httpx

from epitaxy.datasets.errors import FetchError
from epitaxy.datasets.pacing import Pacer
from epitaxy.datasets.polite_http import PoliteHttp

PUBCHEM_URL = "https://pubchem.ncbi.nlm.nih.gov/rest/pug"
_ANSWERED = frozenset({httpx.codes.OK, httpx.codes.ACCEPTED, httpx.codes.NOT_FOUND})
_NOT_FOUND = "PUGREST.NotFound"
# Pauses in seconds by the state of one's own share (requests, time), and of the whole service.
_OWN_PAUSES = {"yellow": 1.0, "red": 5.0, "black": 60.0}
_SERVICE_PAUSES = {"red": 2.0, "black": 30.0}
_STATE = re.compile(r"(Request Count|Request Time|Service) status:\s*([A-Za-z]+)")
_SECONDS_A_POLL = 2.0
_MAX_POLLS = 300


class PubchemServer:
    """Asks PUG REST one thing at a time."""

    def __init__(self, pacer: Pacer, base_url: str = PUBCHEM_URL) -> None:
        self._base_url = base_url.rstrip("/")
        self._pacer = pacer
        self._http = PoliteHttp(pacer, _problem, self._heed_throttling)

    def __enter__(self) -> "PubchemServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def compound_ids(self, path: str, form: dict[str, str] | None) -> list[int]:
        """Compound ids of a search; none if nothing matches. Raises FetchError."""
        document = self._ask(path, form)
        for _ in range(_MAX_POLLS):
            if "Waiting" not in document:
                return _ids_of(document, path)
            key = str(document["Waiting"]["ListKey"])
            self._pacer.hold(_SECONDS_A_POLL)
            document = self._ask(f"compound/listkey/{key}/cids/JSON", None)
        raise FetchError(f"{path} was still being searched after {_MAX_POLLS} looks: run the same command again later")

    def properties(self, ids: Sequence[int], names: Sequence[str]) -> list[dict[str, Any]]:
        """Properties by name with ``CID``; compounds that do not exist are left out. Raises FetchError."""
        path = f"compound/cid/property/{','.join(names)}/JSON"
        document = self._ask(path, {"cid": ",".join(map(str, ids))})
        if _fault_code(document) == _NOT_FOUND:
            return []
        table = document.get("PropertyTable")
        rows = table.get("Properties") if isinstance(table, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "CID" in row for row in rows):
            raise FetchError(f"the answer of {path} has no table of properties")
        return rows

    def _ask(self, path: str, form: dict[str, str] | None) -> dict[str, Any]:
        response = self._http.request(f"{self._base_url}/{path}", form, _ANSWERED)
        try:
            document = json.loads(response.content)
        except ValueError as error:
            raise FetchError(f"the answer of {path} is not valid JSON: is {self._base_url} PUG REST?") from error
        if not isinstance(document, dict):
            raise FetchError(f"the answer of {path} is not a JSON object: is {self._base_url} PUG REST?")
        if response.status_code == httpx.codes.NOT_FOUND and _fault_code(document) != _NOT_FOUND:
            raise FetchError(f"{path} answered 404: {_problem(response)}")
        return document

    def _heed_throttling(self, response: httpx.Response) -> None:
        self._pacer.hold(pause_of(response.headers.get("X-Throttling-Control", "")))


def pause_of(header: str) -> float:
    """Seconds without a request that a throttling header asks for."""
    pauses = [0.0]
    for subject, state in _STATE.findall(header):
        pauses.append((_SERVICE_PAUSES if subject == "Service" else _OWN_PAUSES).get(state.lower(), 0.0))
    return max(pauses)


def _ids_of(document: dict[str, Any], path: str) -> list[int]:
    if _fault_code(document) == _NOT_FOUND:
        return []
    found = document.get("IdentifierList")
    ids = found.get("CID", []) if isinstance(found, dict) else None
    if not isinstance(ids, list) or not all(isinstance(one, int) for one in ids):
        raise FetchError(f"the answer of {path} has no list of compound ids")
    # A name that PubChem knows and that has no compound answers 0.
    return [one for one in ids if one > 0]


def _fault_code(document: dict[str, Any]) -> str | None:
    fault = document.get("Fault")
    return str(fault.get("Code")) if isinstance(fault, dict) else None


def _problem(response: httpx.Response) -> str:
    """``PUGREST.ServerBusy: Too many requests or server too busy``; a page of HTML in times of maintenance."""
    try:
        fault = response.json()["Fault"]
        return ": ".join([str(fault["Code"]), str(fault["Message"]), *map(str, fault.get("Details", ()))])
    except (ValueError, KeyError, TypeError, AttributeError):
        return re.sub(r"<[^>]*>", " ", response.text)
