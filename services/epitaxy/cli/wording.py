"""Text for values, intervals, durations and a full disk, and lists of names in options."""

import errno
from collections.abc import Iterable
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_TEXT = "No space left on device"  # PyArrow and NumPy raise errors without a number


def split_names(options: Iterable[str] | None) -> list[str]:
    """Splits the values of an option that may be repeated, comma-separated or both. Each name appears once."""
    names = (name.strip() for option in options or () for name in option.split(","))
    return list(dict.fromkeys(name for name in names if name))


def value_text(value: float) -> str:
    """Formats a value with three decimals: a thousandth of an eV is below every model's error."""
    return f"{value:.3f}"


def interval_text(lower: float, upper: float) -> str:
    """Formats both bounds, in the value's unit."""
    return f"{lower:.3f} to {upper:.3f}"


def duration_text(seconds: float) -> str:
    """Formats a duration: ``"4.2 s"``, ``"3:07"`` or ``"2:03:07"``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def noun_of(kind: str) -> str:
    """What a person calls a material of a kind: ``"polymer"``; ``"crystal"`` of a structure, and where none is told."""
    return kind if kind and kind != "structure" else "crystal"


def describe(error: OSError, written: Path | None = None) -> str:
    """One line for the person at the command line: what failed, and what to do if a disk is full."""
    if error.errno not in _FULL and _TEXT not in str(error):
        return str(error)
    path = error.filename or written
    where = f" under {Path(path).absolute().parent}" if path else ""
    return f"STORAGE_FULL: no space is left on the disk{where}: make room, or write somewhere else"
