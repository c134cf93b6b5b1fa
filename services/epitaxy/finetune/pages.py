"""Pages of lists: their sizes, and opaque tokens that name nothing but the caller's own last entry."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.limits import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from epitaxy.finetune.ports import Cursor

_VERSION = "1"


def page_size(asked: int) -> int:
    """Number of entries on a page; 0 asks for the default. Raises InvalidRequestError."""
    if asked > MAX_PAGE_SIZE:
        raise InvalidRequestError.of_field("page_size", f"is {asked}, at most {MAX_PAGE_SIZE} are allowed")
    return asked or DEFAULT_PAGE_SIZE


def job_token(cursor: Cursor) -> str:
    """The token that `job_cursor` reads."""
    return _encode(cursor.created_at.isoformat(), cursor.job_id)


def job_cursor(token: str) -> Cursor | None:
    """The last job of the page before; None for the first page. Raises InvalidRequestError for a foreign token."""
    if not token:
        return None
    try:
        created_at, job_id = _decode(token)
        cursor = Cursor(datetime.fromisoformat(created_at), job_id)
    except ValueError as error:
        raise _foreign() from error
    if cursor.created_at.tzinfo is None:
        raise _foreign()
    return cursor


def entry_token(sequence: int) -> str:
    """The token that `entry_sequence` reads."""
    return _encode(str(sequence))


def entry_sequence(token: str) -> int | None:
    """Sequence number of the last audit entry of the page before; None for the first page.

    Raises InvalidRequestError for a foreign token.
    """
    if not token:
        return None
    try:
        (sequence,) = _decode(token)
        return int(sequence)
    except ValueError as error:
        raise _foreign() from error


def _encode(*parts: str) -> str:
    return urlsafe_b64encode("\n".join((_VERSION, *parts)).encode()).decode()


def _decode(token: str) -> list[str]:
    """The parts of a token. Raises ValueError."""
    version, *parts = urlsafe_b64decode(token.encode()).decode().split("\n")
    if version != _VERSION:
        raise ValueError(f"version {version!r}")
    return parts


def _foreign() -> InvalidRequestError:
    return InvalidRequestError.of_field("page_token", "is not a token of this server")
