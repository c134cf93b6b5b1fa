"""Pages of an OPTIMADE server, one request at a time.

The ``optimade`` package parses the filter, so that a mistake in it is reported before the first request. Its client is
not used for the download itself: it keeps all results in memory, retries only status 429, does not read
``Retry-After``, and starts over after a kill.
"""

import json
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

import httpx2 as httpx
from optimade.exceptions import BadRequest
from optimade.filterparser import LarkParser

from epitaxy.datasets.errors import FetchError, FetchUsageError
from epitaxy.datasets.pacing import Pacer
from epitaxy.datasets.page_journal import Page
from epitaxy.datasets.polite_http import PoliteHttp


class OptimadePages:
    """Reads pages politely: at a limited rate, with retries."""

    def __init__(self, base_url: str, pacer: Pacer) -> None:
        self._base_url = base_url.rstrip("/")
        self._pacer = pacer
        self._http = PoliteHttp(pacer, _problem)
        self.n_available: int | None = None

    def __enter__(self) -> "OptimadePages":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def property_units(self) -> dict[str, str | None]:
        """Requests the unit of every property that the server lists for its structures. Raises FetchError."""
        data = self._get_json(f"{self._base_url}/v1/info/structures").get("data")
        properties = data.get("properties") if isinstance(data, dict) else None
        if not isinstance(properties, dict):
            raise FetchError(f"{self._base_url} lists no properties at v1/info/structures: is it an OPTIMADE base URL?")
        return {name: _unit(value) for name, value in properties.items()}

    def first_url(self, query: str, fields: Sequence[str], page_limit: int) -> str:
        """Returns the address of the first page."""
        parameters: dict[str, str | int] = {"response_fields": ",".join(fields), "page_limit": page_limit}
        if query:
            parameters["filter"] = query
        return str(httpx.URL(f"{self._base_url}/v1/structures", params=parameters))

    def pages(self, url: str) -> Iterator[Page]:
        """Yields the page at ``url`` and those that follow. Raises FetchError if the server fails or repeats a page."""
        seen: set[str] = set()
        following: str | None = url
        while following is not None:
            if following in seen:
                raise FetchError(f"the server links pages in a circle at {following}")
            seen.add(following)
            document = self._get_json(following)
            page = Page(_entries(document, following), _next_link(document, following))
            self._see_meta(document.get("meta"))
            yield page
            following = page.next

    def _see_meta(self, meta: object) -> None:
        if not isinstance(meta, dict):
            return
        if isinstance(meta.get("data_returned"), int):
            self.n_available = meta["data_returned"]
        if isinstance(meta.get("request_delay"), int | float):
            self._pacer.hold(float(meta["request_delay"]))

    def _get_json(self, url: str) -> dict[str, Any]:
        response = self._http.request(url)
        try:
            document = json.loads(response.content)
        except ValueError as error:
            raise FetchError(f"the answer of {url} is not valid JSON: is it an OPTIMADE base URL?") from error
        if not isinstance(document, dict):
            raise FetchError(f"the answer of {url} is not a JSON object: is it an OPTIMADE base URL?")
        return document


def check_filter(query: str) -> None:
    """Raises FetchUsageError if a text is not an OPTIMADE filter."""
    if not query:
        return
    try:
        LarkParser().parse(query)
    except BadRequest as error:
        raise FetchUsageError(f"{query!r} is not an OPTIMADE filter: {error.detail}") from error


def _entries(document: dict[str, Any], url: str) -> list[dict[str, Any]]:
    entries = document.get("data")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FetchError(f"the answer of {url} has no list of entries")
    return entries


def _next_link(document: dict[str, Any], url: str) -> str | None:
    link = (document.get("links") or {}).get("next")
    if isinstance(link, dict):
        link = link.get("href")
    return str(httpx.URL(url).join(link)) if link else None


def _problem(response: httpx.Response) -> str:
    try:
        errors = response.json()["errors"]
        detail = "; ".join(str(error.get("detail") or error.get("title")) for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        detail = response.text
    return detail


def _unit(description: object) -> str | None:
    unit = description.get("unit") if isinstance(description, dict) else None
    return unit if isinstance(unit, str) else None
