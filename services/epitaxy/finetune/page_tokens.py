"""Page tokens: opaque to callers, and naming nothing but the caller's own last job."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.finetune.ports import Cursor

_VERSION = "1"


def token_of(cursor: Cursor) -> str:
    """The token that `cursor_of` reads."""
    text = "\n".join((_VERSION, cursor.created_at.isoformat(), cursor.job_id))
    return urlsafe_b64encode(text.encode()).decode()


def place_token(sequence: int) -> str:
    """The token that `place_of` reads."""
    return urlsafe_b64encode(f"{_VERSION}\n{sequence}".encode()).decode()


def place_of(token: str) -> int | None:
    """Place in the audit log where a page ended; None for the first page. Raises InvalidRequestError."""
    if not token:
        return None
    try:
        version, sequence = urlsafe_b64decode(token.encode()).decode().split("\n")
        if version == _VERSION:
            return int(sequence)
    except ValueError:
        pass
    raise InvalidRequestError.of_field("page_token", "is not a token of this server")


def cursor_of(token: str) -> Cursor | None:
    """Where a page ended; None for the first page. Raises InvalidRequestError for a token that is not ours."""
    if not token:
        return None
    try:
        version, created_at, job_id = urlsafe_b64decode(token.encode()).decode().split("\n")
        cursor = Cursor(datetime.fromisoformat(created_at), job_id)
    except ValueError:
        cursor, version = None, ""
    if cursor is None or version != _VERSION or cursor.created_at.tzinfo is None:
        raise InvalidRequestError.of_field("page_token", "is not a token of this server")
    return cursor
