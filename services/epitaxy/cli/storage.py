"""A full disk, told by the word that servers use for it."""

import errno
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_TEXT = "No space left on device"  # PyArrow and NumPy raise errors without a number


def describe(error: OSError, written: Path | None = None) -> str:
    """One line for the person at the command line: what failed, and what to do if a disk is full."""
    if error.errno not in _FULL and _TEXT not in str(error):
        return str(error)
    path = error.filename or written
    where = f" under {Path(path).absolute().parent}" if path else ""
    return f"STORAGE_FULL: no space is left on the disk{where}: make room, or write somewhere else"
