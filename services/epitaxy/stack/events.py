"""Events from the driver to the supervisor, one line of JSON each."""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """News of one part.

    Attributes:
        part: ``ray`` or ``prediction``.
        is_up: True once it can be used.
        detail: A few words for the operator.
        endpoints: What belongs into the endpoints file.
    """

    part: str
    is_up: bool = False
    detail: str = ""
    endpoints: dict[str, Any] = field(default_factory=dict)


class EventWriter:
    """The driver's end of the pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, event: Event) -> None:
        """Writes one event."""
        os.write(self._descriptor, json.dumps(asdict(event)).encode() + b"\n")


class EventReader:
    """The supervisor's end of the pipe; never blocks."""

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._rest = b""

    def read(self) -> list[Event]:
        """Events that came since the last call."""
        try:
            self._rest += os.read(self._read_end, 65536)
        except BlockingIOError:
            return []
        *lines, self._rest = self._rest.split(b"\n")
        return [Event(**json.loads(line)) for line in lines]

    def close_write_end(self) -> None:
        """Closes this process's copy, once the child has its own."""
        os.close(self.write_end)

    def close(self) -> None:
        """Closes the pipe."""
        os.close(self._read_end)
