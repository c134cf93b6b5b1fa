"""Label tables from file:// and, through fsspec, from object stores, below the roots that are open to a tenant."""

import os
import re
import stat
from collections.abc import Sequence

import fsspec

from epitaxy.chassis.errors import (
    FailedPreconditionError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable
from epitaxy.finetune.domain.spec import LabelCondition
from epitaxy.finetune.labels.readers import read_table

TENANT_MARK = "{tenant}"
# No query, fragment, escape or backslash, and no "::", by which fsspec chains file systems.
_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9]*)://(?P<path>[A-Za-z0-9_.,=+@ ()/-]+)")


class RootedLabelSource:
    """Implements LabelSource.

    Args:
        roots: Prefixes such as ``file:///srv/labels/{tenant}/``; ``{tenant}`` stands for the tenant's name.
        max_bytes: Largest size of a file.
    """

    def __init__(self, roots: Sequence[str], max_bytes: int) -> None:
        self._roots, self._max_bytes = roots, max_bytes

    def read(
        self,
        tenant: str,
        file: LabelFile,
        columns: Sequence[str],
        max_rows: int,
        conditions: Sequence[LabelCondition] = (),
    ) -> LabelTable:
        """The table at a URI; its file is read once."""
        root, parts = self._place(tenant, file.uri)
        content = self._local(root, parts) if root.startswith("file://") else self._remote(root + "/".join(parts))
        return read_table(content, file, columns, max_rows, conditions)

    def _place(self, tenant: str, uri: str) -> tuple[str, list[str]]:
        """The root above the URI, and the path from there as names."""
        match = _URI.fullmatch(uri)
        if match is None:
            raise InvalidRequestError.of_field(
                "file.uri", "is not a plain URI such as s3://bucket/folder/labels.parquet"
            )
        for template in self._roots:
            root = template.replace(TENANT_MARK, tenant)
            parts = uri.removeprefix(root).split("/")
            if uri.startswith(root) and not {"", ".", ".."} & set(parts):
                return root, parts
        raise self._refusal(tenant)

    def _refusal(self, tenant: str) -> PermissionDeniedError:
        opened = ", ".join(template.replace(TENANT_MARK, tenant) for template in self._roots)
        remedy = f"put them below {opened}" if opened else "send them inline, because this server reads no files"
        return PermissionDeniedError(f"labels are not read from there: {remedy}", reason="LABELS_NOT_ALLOWED")

    def _local(self, root: str, parts: Sequence[str]) -> bytes:
        """Opens the path name by name and follows no link: a link could be swapped between a check and the opening."""
        try:
            descriptor = os.open(root.removeprefix("file://"), os.O_RDONLY | os.O_DIRECTORY)
            for number, name in enumerate(parts):
                kind = os.O_DIRECTORY if number + 1 < len(parts) else os.O_NONBLOCK
                outer = descriptor
                try:
                    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | kind, dir_fd=outer)
                finally:
                    os.close(outer)
        except OSError as error:
            raise _absent() from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _absent()
        with os.fdopen(descriptor, "rb") as file:
            return self._bounded(file.read(self._max_bytes + 1))

    def _remote(self, uri: str) -> bytes:
        try:
            with fsspec.open(uri, "rb") as file:
                return self._bounded(file.read(self._max_bytes + 1))
        except FileNotFoundError as error:
            raise _absent() from error
        except PermissionError as error:
            raise PermissionDeniedError("the store refuses this server", reason="LABELS_NOT_ALLOWED") from error
        except ImportError as error:
            raise FailedPreconditionError(
                "this server cannot read that kind of store: send the labels inline", reason="NO_FILE_SYSTEM"
            ) from error
        except OSError as error:
            raise UnavailableError("the store of the labels does not answer: send it again") from error

    def _bounded(self, content: bytes) -> bytes:
        if len(content) > self._max_bytes:
            raise InvalidRequestError(
                f"the file has more than {self._max_bytes} bytes: remove columns that the request does not name",
                reason="LABELS_TOO_LARGE",
            )
        return content


def _absent() -> NotFoundError:
    return NotFoundError("there is no such file, or it is not a regular file", reason="NO_LABEL_FILE")
