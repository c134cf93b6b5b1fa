"""Objects kept on disk, found again by their number: memory holds eight bytes for each."""

import pickle
import tempfile
import weakref
from array import array
from typing import Any

# Up to this size nothing is written to disk.
_IN_MEMORY_BYTES = 32 << 20


class Spool:
    """A temporary file without a name that others could open; its space is free once the spool is closed."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES, prefix="epitaxy-")  # noqa: SIM115
        # If nobody calls it, it is called as soon as nobody holds the spool any more.
        self.close = weakref.finalize(self, self._file.close)
        """Deletes the file."""
        self._starts = array("q")
        self._end = 0

    def __len__(self) -> int:
        return len(self._starts)

    def append(self, value: Any) -> int:
        """Keeps an object; returns its number. Raises OSError if the disk is full."""
        content = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        self._file.seek(self._end)
        self._file.write(content)
        self._starts.append(self._end)
        self._end += len(content)
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> Any:
        """The object of that number."""
        self._file.seek(self._starts[number])
        return pickle.load(self._file)
