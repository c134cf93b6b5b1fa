"""Tells a full disk from other faults, whichever library ran into it."""

import errno
import sqlite3
from collections.abc import Iterator

from epitaxy.chassis.errors import UnavailableError

# A quota and a limit on the size of files end a write just as a full disk does.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Libraries that are not written in Python raise classes of their own, with the system's text in theirs.
_TEXTS = (
    "No space left on device",
    "Disk quota exceeded",
    "database or disk is full",  # sqlite, through MLflow
    "StorageFull",  # safetensors
    "Not enough free space",  # NumPy
    "inline_container.cc",  # torch, whose archive says that it is at another place than it should be
)
_POSTGRES_FULL = "53100"


class StorageFullError(UnavailableError):
    """The disk of the service is full: nothing is lost, and the same request succeeds once its operator made room."""

    default_reason = "STORAGE_FULL"


def is_storage_full(error: BaseException) -> bool:
    """Whether a full disk, or a quota on it, is the cause of an error; looks at causes and at grouped errors."""
    return any(isinstance(each, StorageFullError) or _says_full(each) for each in _causes(error))


def storage_full(what: str) -> StorageFullError:
    """The error for the caller; ``what`` could not be stored."""
    return StorageFullError(
        f"{what} cannot be stored: the server's disk is full; tell its operator, then send it again"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    driver = getattr(error, "orig", None) or error  # SQLAlchemy keeps the driver's error there
    if getattr(driver, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return True
    if (getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None)) == _POSTGRES_FULL:
        return True
    return any(text in str(error) for text in _TEXTS)
