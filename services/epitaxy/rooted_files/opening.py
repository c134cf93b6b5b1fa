"""Opens files at file:// and, through fsspec, in object stores, below the roots that are open to a tenant."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import fsspec

from epitaxy.chassis.errors import (
    FailedPreconditionError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)

TENANT_MARK = "{tenant}"
# No query, fragment, escape or backslash, and no "::", by which fsspec chains file systems.
_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9]*)://(?P<path>[A-Za-z0-9_.,=+@ ()/-]+)")


@dataclass(frozen=True, slots=True)
class FileWords:
    """How errors call what the files hold.

    Attributes:
        kind: Plural: "labels".
        remedy: What to do if this server reads no files: "send them inline".
        not_allowed: Reason of a file that is not below a root.
        absent: Reason of a file that is not there.
    """

    kind: str
    remedy: str
    not_allowed: str
    absent: str


class RootedFiles:
    """Opens files below roots.

    Args:
        roots: Prefixes such as ``file:///srv/labels/{tenant}/``; ``{tenant}`` stands for the tenant's name.
        words: Words of the errors.
    """

    def __init__(self, roots: Sequence[str], words: FileWords) -> None:
        self._roots, self._words = roots, words

    def check(self, tenant: str, uri: str) -> None:
        """Raises InvalidRequestError or PermissionDeniedError unless the tenant may read there."""
        self._place(tenant, uri)

    @contextmanager
    def open(self, tenant: str, uri: str) -> Iterator[BinaryIO]:
        """The file for reading, with seek.

        Raises InvalidRequestError, NotFoundError, PermissionDeniedError, FailedPreconditionError, UnavailableError.
        """
        root, parts = self._place(tenant, uri)
        if root.startswith("file://"):
            with self._local(root, parts) as file:
                yield file
            return
        try:
            with fsspec.open(root + "/".join(parts), "rb") as file:
                yield file
        except FileNotFoundError as error:
            raise self._absent() from error
        except PermissionError as error:
            raise PermissionDeniedError("the store refuses this server", reason=self._words.not_allowed) from error
        except ImportError as error:
            raise FailedPreconditionError(
                f"this server cannot read that kind of store: {self._words.remedy}", reason="NO_FILE_SYSTEM"
            ) from error
        except OSError as error:
            raise UnavailableError(f"the store of the {self._words.kind} does not answer: send it again") from error

    def _place(self, tenant: str, uri: str) -> tuple[str, list[str]]:
        """The root above the URI, and the path from there as names."""
        match = _URI.fullmatch(uri)
        if match is None:
            raise InvalidRequestError.of_field(
                "file.uri", f"is not a plain URI such as s3://bucket/folder/{self._words.kind}.parquet"
            )
        for template in self._roots:
            root = template.replace(TENANT_MARK, tenant)
            parts = uri.removeprefix(root).split("/")
            if uri.startswith(root) and not {"", ".", ".."} & set(parts):
                return root, parts
        raise self._refusal(tenant)

    def _refusal(self, tenant: str) -> PermissionDeniedError:
        opened = ", ".join(template.replace(TENANT_MARK, tenant) for template in self._roots)
        remedy = f"put them below {opened}" if opened else f"{self._words.remedy}, because this server reads no files"
        return PermissionDeniedError(
            f"{self._words.kind} are not read from there: {remedy}", reason=self._words.not_allowed
        )

    def _local(self, root: str, parts: Sequence[str]) -> BinaryIO:
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
            raise self._absent() from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._absent()
        return os.fdopen(descriptor, "rb")

    def _absent(self) -> NotFoundError:
        return NotFoundError("there is no such file, or it is not a regular file", reason=self._words.absent)


def check_roots(roots: Sequence[str], kind: str) -> None:
    """Raises ValueError for a root that is not of one tenant each; ``kind`` says what the files are: ``label``."""
    for root in roots:
        if "://" not in root or f"/{TENANT_MARK}/" not in root or not root.endswith("/"):
            raise ValueError(f"{kind} root {root!r} must be SCHEME://.../{TENANT_MARK}/..., with a / at the end")
