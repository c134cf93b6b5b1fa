"""Features of a pool's rows under one substrate, in .npy files that grow in place and are mapped into memory."""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy
from numpy.typing import NDArray

from epitaxy.campaigns.pool.chunks import read_table, write_table
from epitaxy_models.campaigns.stored_block import StoredBlock

_DTYPE = np.dtype("<f4")
# NumPy pads the header so that the first axis can grow in place.
_HEADER_BYTES = 128
_DIGEST_DIGITS = 16
ESTIMATES = "estimates"
"""File of the substrate's predicted values, then their standard deviations; no block of the model."""


@dataclass(frozen=True, slots=True)
class SubstrateMark:
    """Which weights made features.

    Attributes:
        blocks: Width of each block by name.
        estimates: Name and unit of each property that the substrate predicts.
        columns: Names of the columns of those blocks that have any.
    """

    name: str
    version: str
    digest: str
    blocks: Mapping[str, int]
    estimates: Sequence[tuple[str, str]]
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one row beside its features; a reason: it has none."""

    reason: str = ""
    message: str = ""
    key: bytes = b""
    formula: str = ""
    elements: bytes = b""
    domain_score: float = 0.0
    domain_verdict: str = ""
    review_verdict: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Featurized:
    """Answer of the prediction application for one chunk; arrays hold one row per fact without a reason."""

    mark: SubstrateMark
    facts: Sequence[Fact]
    blocks: Mapping[str, NDArray[np.float32]]
    estimates: NDArray[np.float32]


@dataclass(frozen=True)
class FeatureBlock(StoredBlock):
    """The first rows of a file that may grow meanwhile; a piece at a time, because pages of a mapping count as memory.

    Attributes:
        n_rows: Rows that belong to the block.
        width: Features of each row.
    """

    n_rows: int
    width: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and width."""
        return self.n_rows, self.width

    def _mapped(self) -> NDArray[np.floating]:
        shape = self.shape
        return np.memmap(self.path, _DTYPE, "r", offset=_HEADER_BYTES, shape=shape) if all(shape) else np.zeros(shape)


class FeatureFolder:
    """Features of one pool under one substrate: rows of a refused candidate are zero."""

    def __init__(self, pool: Path, digest: str) -> None:
        """Opens the folder of the substrate with these weights; makes it if it is not there."""
        self.folder = pool / "features" / digest.removeprefix("sha256:")[:_DIGEST_DIGITS]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    @cached_property
    def mark(self) -> SubstrateMark:
        """Which weights made the features. Raises OSError as long as no structure has any."""
        fields: dict[str, Any] = json.loads(self._mark_path.read_text())
        fields["estimates"] = [tuple(entry) for entry in fields["estimates"]]
        return SubstrateMark(**fields)

    @property
    def has_features(self) -> bool:
        """Whether any structure has features."""
        return self._mark_path.exists()

    def has(self, chunk: int) -> bool:
        """Whether a chunk is featurized."""
        return self._facts_path(chunk).exists()

    def write(self, chunk: int, start: int, n_rows: int, found: Featurized) -> None:
        """Keeps features first and facts last: a chunk that has facts has features, whenever the process is killed.

        ``start`` is the row of the chunk's first candidate, ``n_rows`` the least length of the files.
        """
        with self._lock:
            self._write_features(start, n_rows, found)
        columns = {name: [getattr(fact, name) for fact in found.facts] for name in Fact.__slots__}
        write_table(self._facts_path(chunk), pa.table(columns, schema=_FACTS))

    def _write_features(self, start: int, n_rows: int, found: Featurized) -> None:
        if found.blocks and not self.has_features:
            partial = self._mark_path.with_suffix(f".{os.getpid()}.tmp")
            partial.write_text(json.dumps(asdict(found.mark)))
            partial.replace(self._mark_path)
        good = [row for row, fact in enumerate(found.facts) if not fact.reason]
        blocks = {**found.blocks, ESTIMATES: found.estimates} if found.blocks else {}
        for name, values in blocks.items():
            block = np.zeros((len(found.facts), values.shape[1]), dtype=_DTYPE)
            block[good] = values
            self._write_rows(name, start, n_rows, block)

    def grow(self, n_rows: int) -> None:
        """Makes all files long enough: the last candidates may have no features."""
        for name in (*self.mark.blocks, ESTIMATES):
            self._write_rows(name, 0, n_rows, np.zeros((0, self._width(name)), dtype=_DTYPE))

    def facts(self, chunk: int) -> Any:
        """Facts of a chunk, as an Arrow table with the fields of `Fact`."""
        return read_table(self._facts_path(chunk))

    def block(self, name: str, n_rows: int) -> "FeatureBlock":
        """The first rows of a block, in its file."""
        return FeatureBlock(self._path(name), n_rows, self._width(name))

    def _write_rows(self, name: str, start: int, n_rows: int, values: NDArray[np.float32]) -> None:
        width = values.shape[1]
        descriptor = os.open(self._path(name), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            held = max(0, os.fstat(descriptor).st_size - _HEADER_BYTES) // max(1, 4 * width)
            n_rows = max(n_rows, held, start + len(values))
            if n_rows > held:
                os.pwrite(descriptor, _header((n_rows, width)), 0)
                os.ftruncate(descriptor, _HEADER_BYTES + 4 * width * n_rows)
            os.pwrite(descriptor, values.tobytes(), _HEADER_BYTES + 4 * width * start)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _width(self, name: str) -> int:
        return 2 * len(self.mark.estimates) if name == ESTIMATES else self.mark.blocks[name]

    @property
    def _mark_path(self) -> Path:
        return self.folder / "substrate.json"

    def _path(self, name: str) -> Path:
        return self.folder / f"{name.replace('/', '-')}.npy"

    def _facts_path(self, chunk: int) -> Path:
        return self.folder / "facts" / f"{chunk:08d}.arrow"


_FACTS = pa.schema(
    [
        ("reason", pa.string()),
        ("message", pa.string()),
        ("key", pa.binary()),
        ("formula", pa.string()),
        ("elements", pa.binary()),
        ("domain_score", pa.float64()),
        ("domain_verdict", pa.string()),
        ("review_verdict", pa.string()),
    ]
)


def _header(shape: tuple[int, int]) -> bytes:
    """The header of a .npy file of 128 bytes, so that rows begin at one place whatever their number is."""
    buffer = BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": npy.dtype_to_descr(_DTYPE), "fortran_order": False, "shape": shape})
    content = buffer.getvalue()
    if len(content) != _HEADER_BYTES:
        raise ValueError(f"a header of {len(content)} bytes")
    return content
