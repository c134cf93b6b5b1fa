"""Messages between coordinator and members: a JSON head and raw numbers. Reading one executes nothing."""

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.consortium.domain.errors import RoundFailedError

_HEAD = struct.Struct("<I")
_TYPES = {"u8": np.dtype("<u8"), "f8": np.dtype("<f8")}
MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One message.

    Attributes:
        kind: What it asks or answers.
        content: Plain JSON.
        numbers: Beside it, uint64 or float64; None for none.
    """

    kind: str
    content: dict[str, Any]
    numbers: NDArray[Any] | None = None

    def to_bytes(self) -> bytes:
        """On the wire."""
        name = None if self.numbers is None else ("u8" if self.numbers.dtype == np.uint64 else "f8")
        head = json.dumps({"kind": self.kind, "content": self.content, "numbers": name}).encode()
        body = b"" if self.numbers is None or name is None else self.numbers.astype(_TYPES[name]).tobytes()
        return _HEAD.pack(len(head)) + head + body

    @classmethod
    def from_bytes(cls, data: bytes) -> "Message":
        """Reads one. Raises RoundFailedError for anything else."""
        try:
            (length,) = _HEAD.unpack_from(data)
            head = json.loads(data[_HEAD.size : _HEAD.size + length])
            body, name = data[_HEAD.size + length :], head["numbers"]
            numbers = None if name is None else np.frombuffer(body, dtype=_TYPES[name]).copy()
            if not isinstance(head["content"], dict) or len(data) > MAX_BYTES:
                raise ValueError("no content")
            return cls(str(head["kind"]), head["content"], numbers)
        except (struct.error, ValueError, KeyError, TypeError) as error:
            raise RoundFailedError("a message cannot be read", reason="INVALID_MESSAGE") from error
