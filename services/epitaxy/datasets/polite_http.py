"""Requests to a public server at a limited pace, with retries of failures that pass."""

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

import httpx2 as httpx

from epitaxy.datasets.errors import FetchError
from epitaxy.datasets.pacing import LONGEST_WAIT_SECONDS, Pacer, backoff_seconds, retry_after_seconds

_MAX_ATTEMPTS = 6
_TIMEOUT = httpx.Timeout(30.0, read=300.0)
_RETRIED = frozenset({429, 500, 502, 503, 504})


class PoliteHttp:
    """Sends one request at a time; every wait is shared through the pacer.

    Args:
        pacer: Spaces the requests.
        problem_of: What an answer other than 2xx says is wrong, in one line.
        on_response: Sees every answer, such as to slow down if the server asks for it.
    """

    def __init__(
        self,
        pacer: Pacer,
        problem_of: Callable[[httpx.Response], str],
        on_response: Callable[[httpx.Response], None] = lambda _: None,
    ) -> None:
        self._pacer = pacer
        self._problem_of = problem_of
        self._on_response = on_response
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=True, headers={"User-Agent": _user_agent()})

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def request(
        self,
        url: str,
        form: Mapping[str, str] | None = None,
        accepted: frozenset[int] = frozenset({httpx.codes.OK}),
    ) -> httpx.Response:
        """Answers GET, or POST of a form, with one of the ``accepted`` statuses.

        Raises FetchError if the server refuses, fails six times, or asks for a pause of more than ten minutes.
        """
        problem = ""
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            self._pacer.wait_turn()
            try:
                response = self._http.get(url) if form is None else self._http.post(url, data=dict(form))
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
                wait = backoff_seconds(attempt)
            else:
                self._on_response(response)
                if response.status_code in accepted:
                    return response
                problem = f"{response.status_code}: {' '.join(self._problem_of(response).split())[:200]}"
                wait = _wait_after(response, attempt, f"{url} answered {problem}")
            self._pacer.hold(wait)
        raise FetchError(
            f"{url} failed {_MAX_ATTEMPTS} times, last with {problem}: run the same command again to resume"
        )


def _wait_after(response: httpx.Response, attempt: int, refusal: str) -> float:
    """Seconds until the next attempt. Raises FetchError for an answer that another attempt does not change."""
    if response.status_code not in _RETRIED:
        raise FetchError(refusal)
    asked = retry_after_seconds(response.headers.get("Retry-After"))
    if asked is not None and asked > LONGEST_WAIT_SECONDS:
        raise FetchError(f"the server asks for a pause of {asked:.0f} s: run the same command again then")
    return backoff_seconds(attempt) if asked is None else asked


def _user_agent() -> str:
    try:
        return f"epitaxy/{version('epitaxy')}"
    except PackageNotFoundError:
        return "epitaxy"
