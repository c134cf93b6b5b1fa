"""Builds columns of answers: a dictionary of texts, and findings of which most structures have none."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from epitaxy.api.prediction.v1 import columns_pb2

ANSWERED, REFUSED, FAILED = 0, 1, 2
"""What became of a structure, as ``ResultColumns.outcomes`` says it."""


class TextTable:
    """Gives every text an index; the empty text has 0."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {"": 0}

    def place(self, text: str) -> int:
        """The index of a text."""
        return self._places.setdefault(text, len(self._places))

    @property
    def texts(self) -> list[str]:
        """All texts in the order of their indices."""
        return list(self._places)


class FindingWriter:
    """Collects findings by ascending row."""

    def __init__(self, texts: TextTable) -> None:
        self._texts = texts
        self._rows, self._codes, self._messages = array("I"), array("I"), array("I")

    def add(self, row: int, code: str, message: str) -> None:
        """Adds one finding about a row."""
        self._rows.append(row)
        self._codes.append(self._texts.place(code))
        self._messages.append(self._texts.place(message))

    def message(self) -> columns_pb2.FindingColumns:
        """What was collected."""
        return columns_pb2.FindingColumns(
            rows=uint32_bytes(self._rows), codes=uint32_bytes(self._codes), messages=uint32_bytes(self._messages)
        )


def uint32_bytes(numbers: Any) -> bytes:
    """Numbers as uint32, little-endian."""
    return np.asarray(numbers, dtype="<u4").tobytes()


def uint8_bytes(numbers: Sequence[int] | Iterable[int]) -> bytes:
    """Numbers from 0 to 255 as one byte each."""
    return bytes(numbers)


def float64_bytes(numbers: Any) -> bytes:
    """Numbers as float64, little-endian."""
    return np.ascontiguousarray(numbers, dtype="<f8").tobytes()
