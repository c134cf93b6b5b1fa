"""Files of jobs in a folder that the service and all workers share: ``<tenant>/<job>/``."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from epitaxy.chassis.errors import NotFoundError
from epitaxy.finetune.domain.label_table import LabelTable
from epitaxy.finetune.ports import FileKind, HeldFiles
from epitaxy.finetune.store.label_file import decode_labels, encode_labels

_LABELS, _MODEL = "labels.parquet", "model"
# The job store, which is a sqlite file beside these files by default, records the end of a job in less.
_RESERVE_BYTES = 4 << 20

_PATTERNS = {FileKind.LABELS: _LABELS, FileKind.REPORTS: "report.*", FileKind.DRAFT: _MODEL}


class FolderJobFiles:
    """Implements JobFiles."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._reserve = root / ".reserve"

    def save_labels(self, tenant: str, job_id: str, table: LabelTable) -> None:
        """Writes one Parquet file."""
        self._write(tenant, job_id, _LABELS, encode_labels(table))

    def load_labels(self, tenant: str, job_id: str) -> LabelTable:
        """Reads the file. Raises NotFoundError if it was deleted."""
        path = self._folder(tenant, job_id) / _LABELS
        if not path.exists():
            raise NotFoundError("the labels of this job are gone", reason="NO_LABEL_FILE")
        return decode_labels(path.read_bytes())

    def model_folder(self, tenant: str, job_id: str) -> Path:
        """An empty folder; removes what a lost attempt left there."""
        self.discard_model(tenant, job_id)
        folder = self._folder(tenant, job_id) / _MODEL
        folder.mkdir(parents=True)
        return folder

    def discard_model(self, tenant: str, job_id: str) -> None:
        """Removes the folder."""
        shutil.rmtree(self._folder(tenant, job_id) / _MODEL, ignore_errors=True)

    def make_room(self, tenant: str, job_id: str) -> None:
        """Removes the model in the making and the reserve."""
        self.discard_model(tenant, job_id)
        with suppress(OSError):
            self._reserve.unlink()

    def keep_reserve(self) -> None:
        """Makes the reserve again if it was used up. A disk that is still nearly full is left alone.

        What `make_room` freed is there for the end of a job: the new reserve must not take it first.
        """
        with suppress(OSError):
            if self._reserve.exists() and self._reserve.stat().st_size == _RESERVE_BYTES:
                return
            self._root.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self._root).free < 2 * _RESERVE_BYTES:
                return
            draft = self._reserve.with_suffix(".draft")
            try:
                draft.write_bytes(bytes(_RESERVE_BYTES))
                draft.replace(self._reserve)
            finally:
                draft.unlink(missing_ok=True)

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
        """Files of every job, by kind."""
        found = (_held(folder, kind) for folder in sorted(self._root.glob("*/*")) for kind in FileKind)
        return [files for files in found if files is not None]

    def discard(self, files: HeldFiles) -> None:
        """Removes files, and folders that become empty."""
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
        """Writes the whole file or nothing, however the process ends."""
        folder = self._folder(tenant, job_id)
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{name}.{os.getpid()}"
        try:
            draft.write_bytes(content)
            draft.replace(folder / name)
        finally:
            draft.unlink(missing_ok=True)


def _held(folder: Path, kind: FileKind) -> HeldFiles | None:
    paths = list(folder.glob(_PATTERNS[kind]))
    paths += [path for parent in paths for path in parent.rglob("*")]
    try:
        states = [path.stat() for path in paths]
    except OSError:  # a worker is writing there
        return None
    if not states:
        return None
    modified = datetime.fromtimestamp(max(state.st_mtime for state in states), UTC)
    n_bytes = sum(state.st_size for path, state in zip(paths, states, strict=True) if path.is_file())
    return HeldFiles(kind, folder.parent.name, folder.name, n_bytes, modified)
