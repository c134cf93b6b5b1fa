"""Candidates as they came, in files of some hundred rows that are written once."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from epitaxy.campaigns.domain.candidates import Candidate, ConditionValue

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("structure", pa.binary()),
        ("cost", pa.float64()),
        ("group", pa.string()),
        ("known", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("conditions", pa.string()),
    ]
)


class ChunkFiles:
    """Chunks of one pool, by number, in a folder; the log says in which order they follow each other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, number: int, candidates: Sequence[Candidate]) -> None:
        """Keeps a chunk; one of that number that the log does not know is replaced."""
        rows = [
            {
                "id": entry.id,
                "structure": entry.structure,
                "cost": entry.cost,
                "group": entry.group,
                "known": json.dumps(dict(entry.known)) if entry.known else "",
                "reason": entry.fault[0] if entry.fault else "",
                "message": entry.fault[1] if entry.fault else "",
                "conditions": _conditions_text(entry.conditions),
            }
            for entry in candidates
        ]
        write_table(self._path(number), pa.Table.from_pylist(rows, schema=_SCHEMA))

    def read(self, number: int) -> list[Candidate]:
        """The candidates of a chunk, in order."""
        rows = read_table(self._path(number)).to_pylist()
        return [
            Candidate(
                row["id"],
                row["structure"],
                row["cost"],
                row["group"],
                json.loads(row["known"]) if row["known"] else {},
                (row["reason"], row["message"]) if row["reason"] else None,
                _conditions_of(row.get("conditions")),
            )
            for row in rows
        ]

    def columns(self, number: int, names: Sequence[str]) -> Any:
        """Some columns of a chunk, as an Arrow table."""
        return read_table(self._path(number)).select(list(names))

    def conditions(self, number: int) -> list[Mapping[str, ConditionValue]]:
        """Conditions of a chunk's candidates; a chunk of an earlier version has none."""
        table = read_table(self._path(number))
        if "conditions" not in table.column_names:
            return [{}] * int(table.num_rows)
        return [_conditions_of(text) for text in table.column("conditions").to_pylist()]

    def ids(self, number: int) -> list[str]:
        """The ids of a chunk, in order."""
        ids: list[str] = self.columns(number, ["id"]).column("id").to_pylist()
        return ids

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.arrow"


def _conditions_text(conditions: Mapping[str, ConditionValue]) -> str:
    if not conditions:
        return ""
    return json.dumps({name: [given.value, given.unit] for name, given in conditions.items()})


def _conditions_of(text: str | None) -> dict[str, ConditionValue]:
    return {name: ConditionValue(*given) for name, given in json.loads(text).items()} if text else {}


def write_table(path: Path, table: Any) -> None:
    """Writes an Arrow file whole or not at all, even if the machine stops."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with partial.open("wb") as file:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_table(path: Path) -> Any:
    """An Arrow file as a table, mapped into memory."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()
