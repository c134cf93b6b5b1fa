"""Pages of lists: their sizes, and opaque tokens that name nothing but the caller's own last entry."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.limits import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

_VERSION = "1"


def page_size(asked: int) -> int:
    """Number of entries on a page; 0 asks for the default. Raises InvalidRequestError."""
    if asked > MAX_PAGE_SIZE:
        raise InvalidRequestError.of_field("page_size", f"is {asked}, at most {MAX_PAGE_SIZE} are allowed")
    return asked or DEFAULT_PAGE_SIZE


def encode_token(*parts: str) -> str:
    """The token that `decode_token` takes apart."""
    return urlsafe_b64encode("\n".join((_VERSION, *parts)).encode()).decode()


def decode_token(token: str) -> list[str]:
    """The parts of a token. Raises ValueError."""
    version, *parts = urlsafe_b64decode(token.encode()).decode().split("\n")
    if version != _VERSION:
        raise ValueError(f"version {version!r}")
    return parts


def write_place(created_at: datetime, entry_id: str) -> str:
    """The token that `read_place` reads."""
    return encode_token(created_at.isoformat(), entry_id)


def read_place(token: str) -> tuple[datetime, str] | None:
    """Time and id of the last entry of the page before; None for the first page.

    Raises InvalidRequestError for a foreign token.
    """
    if not token:
        return None
    try:
        created_at, entry_id = decode_token(token)
        at = datetime.fromisoformat(created_at)
    except ValueError as error:
        raise foreign_token() from error
    if at.tzinfo is None:
        raise foreign_token()
    return at, entry_id


def foreign_token() -> InvalidRequestError:
    """The error of a token that this server did not write."""
    return InvalidRequestError.of_field("page_token", "is not a token of this server")
