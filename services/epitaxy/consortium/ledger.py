"""The ledger: every release in a chain of hashes. Entries are added and never changed; every member keeps a copy."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from epitaxy.consortium.domain.errors import LedgerError

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One release.

    Attributes:
        number: From 0.
        consortium: Digest of the agreement.
        session: Of the round.
        step: What was opened.
        members: Whose vectors were added.
        n_rows: Rows of all members, or -1 where no sum says.
        length: Numbers that were opened.
        row_norm: Most by which one row changes the sum, as a norm; None where nothing bounds it.
        noise_multiplier: Noise that each member added, over ``row_norm``.
        epsilon: Privacy that a row has lost by this release and all before it; None without noise.
        total_digest: SHA-256 of the sum.
        previous: Hash of the entry before.
    """

    number: int
    consortium: str
    session: str
    step: str
    members: tuple[str, ...]
    n_rows: int
    length: int
    row_norm: float | None
    noise_multiplier: float
    epsilon: float | None
    total_digest: str
    previous: str

    @property
    def hash(self) -> str:
        """SHA-256 of the entry, its predecessor's hash included."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Plain containers, with the hash."""
        return asdict(self) | {"hash": self.hash}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "LedgerEntry":
        """Reads one. Raises LedgerError if its hash is not that of its content."""
        try:
            content = {key: value for key, value in record.items() if key != "hash"}
            entry = cls(**(content | {"members": tuple(record["members"])}))
        except (KeyError, TypeError) as error:
            raise LedgerError(f"an entry of the ledger cannot be read: {error}") from error
        if record.get("hash") != entry.hash:
            raise LedgerError(f"entry {entry.number} of the ledger was changed after it was written")
        return entry


@dataclass(slots=True)
class Ledger:
    """One copy, in memory, and in a file of JSON Lines where a path is given.

    Attributes:
        path: The file; None to keep the ledger in memory alone.
    """

    path: Path | None = None
    _entries: list[LedgerEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Reads the file. Raises LedgerError if the chain is broken."""
        if self.path is not None and self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self._chain(_entry_of(line))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(tuple(self._entries))

    @property
    def head(self) -> str:
        """Hash of the last entry."""
        return self._entries[-1].hash if self._entries else GENESIS

    def append(self, entry: LedgerEntry) -> None:
        """Adds an entry, on disk first. Raises LedgerError if it does not follow the last one."""
        self._check_follows(entry)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry.as_json(), sort_keys=True) + "\n")
                file.flush()
                os.fsync(file.fileno())
        self._entries.append(entry)

    def members_of_sums(self, consortium: str, step: str) -> Sequence[frozenset[str]]:
        """Members of each sum of one step that was opened."""
        return [frozenset(e.members) for e in self._entries if e.consortium == consortium and e.step == step]

    def _chain(self, entry: LedgerEntry) -> None:
        self._check_follows(entry)
        self._entries.append(entry)

    def _check_follows(self, entry: LedgerEntry) -> None:
        if entry.number != len(self._entries) or entry.previous != self.head:
            message = f"entry {entry.number} does not follow entry {len(self._entries) - 1} of this copy of the ledger"
            raise LedgerError(message, reason="LEDGER_FORKED")


def _entry_of(line: str) -> LedgerEntry:
    try:
        return LedgerEntry.from_json(json.loads(line))
    except ValueError as error:
        raise LedgerError("a line of the ledger is not valid JSON") from error
