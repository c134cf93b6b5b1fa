"""Where a table came from and what became of every row: the record in its Parquet metadata."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from epitaxy_models.errors import ConfigurationError

METADATA_KEY = b"epitaxy.provenance"
_FORMAT = 1


def tool_version() -> str:
    """Version of this package as installed, ``"unknown"`` for a bare source tree."""
    try:
        return f"epitaxy {version('epitaxy')}"
    except PackageNotFoundError:
        return "epitaxy unknown"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows were taken from.

    Attributes:
        source: Kind of source: ``"csv"``, ``"optimade"``.
        url: Address, or the name of the file.
        retrieved: Date, ISO 8601.
        provider: Who publishes it.
        licence: Licence of the data, ``"unknown"`` where nobody stated it.
        query: Filter and fields asked for.
        n_announced: Rows that the source said it had, None if it did not say.
    """

    source: str
    url: str
    retrieved: str
    provider: str = ""
    licence: str = "unknown"
    query: str = ""
    n_announced: int | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin and counts of a table; ``n_read`` is ``n_kept`` and the refused together, or it cannot be made.

    Attributes:
        origin: Where the rows were taken from.
        n_read: Rows that the source had.
        n_kept: Rows of the table.
        refused: Rows left out, by reason.
        n_null: Kept rows without a value, by label column.
        dropped_columns: Columns of the source that are not in the table.
        tool_version: Version of this package.
    """

    origin: Origin
    n_read: int
    n_kept: int
    refused: Mapping[str, int] = field(default_factory=dict)
    n_null: Mapping[str, int] = field(default_factory=dict)
    dropped_columns: tuple[str, ...] = ()
    tool_version: str = field(default_factory=tool_version)

    def __post_init__(self) -> None:
        if self.n_read != self.n_kept + self.n_refused:
            raise ConfigurationError(
                f"{self.n_read} rows read are not {self.n_kept} kept and {self.n_refused} refused",
                reason="COUNTS_DO_NOT_ADD_UP",
            )

    @property
    def n_refused(self) -> int:
        """Rows left out."""
        return sum(self.refused.values())

    def to_metadata(self) -> dict[bytes, bytes]:
        """The entry for a Parquet file."""
        document = {"format": _FORMAT, **dataclasses.asdict(self)}
        return {METADATA_KEY: json.dumps(document, sort_keys=True).encode()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None) -> "Provenance | None":
        """The record of a Parquet file, None if it has none. Raises ConfigurationError (DAMAGED_PROVENANCE)."""
        if not metadata or METADATA_KEY not in metadata:
            return None
        try:
            document = json.loads(metadata[METADATA_KEY])
            if document.pop("format") != _FORMAT:
                raise ValueError("another format version")
            document["origin"] = Origin(**document["origin"])
            document["dropped_columns"] = tuple(document["dropped_columns"])
            return cls(**document)
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(
                f"the provenance record is damaged: {error}", reason="DAMAGED_PROVENANCE"
            ) from error
