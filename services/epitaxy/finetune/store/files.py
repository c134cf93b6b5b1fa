"""Files of jobs in a folder that the service and all workers share: ``<tenant>/<job>/``."""

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from epitaxy.chassis.errors import NotFoundError
from epitaxy.finetune.domain.label_table import LabelTable, StructureCell
from epitaxy.finetune.ports import FileKind, HeldFiles

_LABELS, _MODEL = "labels.parquet", "model"
_COLUMNS_KEY = b"epitaxy.columns"


_PATTERNS = {FileKind.LABELS: _LABELS, FileKind.REPORTS: "report.*", FileKind.DRAFT: _MODEL}


class FolderJobFiles:
    """Implements JobFiles."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save_labels(self, tenant: str, job_id: str, table: LabelTable) -> None:
        """Writes one Parquet file."""
        arrays = [pa.array(table.ids, pa.string())]
        arrays += [pa.array([getattr(cell, field) for cell in table.cells], pa.string()) for field in ("kind", "text")]
        arrays += [pa.array(values, pa.float64()) for values in table.values.values()]
        names = ["id", "kind", "text", *(f"value{number}" for number in range(len(table.values)))]
        content = pa.table(arrays, names=names).replace_schema_metadata({_COLUMNS_KEY: json.dumps(list(table.values))})
        sink = pa.BufferOutputStream()
        pyarrow.parquet.write_table(content, sink, compression="zstd")
        self._write(tenant, job_id, _LABELS, sink.getvalue().to_pybytes())

    def load_labels(self, tenant: str, job_id: str) -> LabelTable:
        """Reads it. Raises NotFoundError where it was deleted."""
        path = self._folder(tenant, job_id) / _LABELS
        if not path.exists():
            raise NotFoundError("the labels of this job are gone", reason="NO_LABEL_FILE")
        table = pyarrow.parquet.read_table(path, use_threads=False)
        columns = json.loads(table.schema.metadata[_COLUMNS_KEY])
        kinds, texts = table.column("kind").to_pylist(), table.column("text").to_pylist()
        return LabelTable(
            table.column("id").to_pylist(),
            [StructureCell(kind, text) for kind, text in zip(kinds, texts, strict=True)],
            {
                name: np.asarray(table.column(f"value{number}").to_numpy(), dtype=np.float64)
                for number, name in enumerate(columns)
            },
        )

    def model_folder(self, tenant: str, job_id: str) -> Path:
        """An empty folder; what a lost attempt left there is removed."""
        self.discard_model(tenant, job_id)
        folder = self._folder(tenant, job_id) / _MODEL
        folder.mkdir(parents=True)
        return folder

    def discard_model(self, tenant: str, job_id: str) -> None:
        """Removes the folder."""
        shutil.rmtree(self._folder(tenant, job_id) / _MODEL, ignore_errors=True)

    def save_report(self, tenant: str, job_id: str, kind: str, content: bytes) -> None:
        """Writes a report."""
        self._write(tenant, job_id, f"report.{kind}", content)

    def read_report(self, tenant: str, job_id: str, kind: str) -> bytes | None:
        """Reads a report."""
        try:
            return (self._folder(tenant, job_id) / f"report.{kind}").read_bytes()
        except FileNotFoundError:
            return None

    def delete_job(self, tenant: str, job_id: str) -> None:
        """Removes the job's folder."""
        shutil.rmtree(self._folder(tenant, job_id), ignore_errors=True)

    def held(self) -> Sequence[HeldFiles]:
        """What each job's folder holds, by kind."""
        found = (_held(folder, kind) for folder in sorted(self._root.glob("*/*")) for kind in FileKind)
        return [files for files in found if files is not None]

    def discard(self, files: HeldFiles) -> None:
        """Removes them, and the folders that nothing is left in."""
        folder = self._folder(files.tenant, files.job_id)
        for path in folder.glob(_PATTERNS[files.kind]):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for empty in (folder, folder.parent):
            with suppress(OSError):  # not empty
                empty.rmdir()

    def delete_tenant(self, tenant: str) -> None:
        """Removes the tenant's folder."""
        shutil.rmtree(self._root / tenant, ignore_errors=True)

    def _folder(self, tenant: str, job_id: str) -> Path:
        return self._root / tenant / job_id

    def _write(self, tenant: str, job_id: str, name: str, content: bytes) -> None:
        """Whole or not at all, however the process ends."""
        folder = self._folder(tenant, job_id)
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{name}.{os.getpid()}"
        draft.write_bytes(content)
        draft.replace(folder / name)


def _held(folder: Path, kind: FileKind) -> HeldFiles | None:
    paths = list(folder.glob(_PATTERNS[kind]))
    paths += [path for parent in paths for path in parent.rglob("*")]
    try:
        states = [path.stat() for path in paths]
    except OSError:  # a worker writes there
        return None
    if not states:
        return None
    modified = datetime.fromtimestamp(max(state.st_mtime for state in states), UTC)
    n_bytes = sum(state.st_size for path, state in zip(paths, states, strict=True) if path.is_file())
    return HeldFiles(kind, folder.parent.name, folder.name, n_bytes, modified)
