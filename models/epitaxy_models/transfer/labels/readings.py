"""What reading the structures of labelled rows took: repairs, choices, and what was left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_N_NAMED = 3
CRYSTAL = "crystal"
"""What messages call a material unless they are told another noun."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A repair or a note of one structure: its stable code, a line for a person, whether it leaves a doubt."""

    code: str
    message: str
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class RowReading:
    """The same of a row: position from 0, and name."""

    row: int
    id: str
    code: str
    message: str
    is_doubtful: bool


def readings_told(readings: Sequence[RowReading], noun: str = CRYSTAL) -> str:
    """Codes with the number of rows and the first of them, the most frequent first; empty where there are none."""
    parts = []
    for code, count in Counter(reading.code for reading in readings).most_common():
        names = [reading.id for reading in readings if reading.code == code][:_N_NAMED]
        parts.append(f"{code} {count} ({', '.join(names)}{', ...' if count > len(names) else ''})")
    many = "structures" if noun == CRYSTAL else f"{noun}s"
    return f"{many} were not read exactly as they stand: {'; '.join(parts)}" if parts else ""
