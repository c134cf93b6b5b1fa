"""Tokens of pages of jobs and of audit entries."""

from epitaxy.chassis.page_tokens import decode_token, encode_token, foreign_token, page_size, read_place, write_place
from epitaxy.finetune.ports import Cursor

__all__ = ["entry_sequence", "entry_token", "job_cursor", "job_token", "page_size"]


def job_token(cursor: Cursor) -> str:
    """The token that `job_cursor` reads."""
    return write_place(cursor.created_at, cursor.job_id)


def job_cursor(token: str) -> Cursor | None:
    """The last job of the page before; None for the first page. Raises InvalidRequestError for a foreign token."""
    place = read_place(token)
    return None if place is None else Cursor(*place)


def entry_token(sequence: int) -> str:
    """The token that `entry_sequence` reads."""
    return encode_token(str(sequence))


def entry_sequence(token: str) -> int | None:
    """Sequence number of the last audit entry of the page before; None for the first page.

    Raises InvalidRequestError for a foreign token.
    """
    if not token:
        return None
    try:
        (sequence,) = decode_token(token)
        return int(sequence)
    except ValueError as error:
        raise foreign_token() from error
