"""Label tables from file:// and, through fsspec, from object stores, below the roots that are open to a tenant."""

from collections.abc import Sequence

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable
from epitaxy.finetune.domain.spec import LabelCondition
from epitaxy.finetune.labels.readers import read_table
from epitaxy.rooted_files.opening import FileWords, RootedFiles

_WORDS = FileWords("labels", "send them inline", "LABELS_NOT_ALLOWED", "NO_LABEL_FILE")


class RootedLabelSource:
    """Implements LabelSource.

    Args:
        roots: Prefixes such as ``file:///srv/labels/{tenant}/``; ``{tenant}`` stands for the tenant's name.
        max_bytes: Largest size of a file.
    """

    def __init__(self, roots: Sequence[str], max_bytes: int) -> None:
        self._files, self._max_bytes = RootedFiles(roots, _WORDS), max_bytes

    def read(
        self,
        tenant: str,
        file: LabelFile,
        columns: Sequence[str],
        max_rows: int,
        conditions: Sequence[LabelCondition] = (),
    ) -> LabelTable:
        """The table at a URI; its file is read once."""
        with self._files.open(tenant, file.uri) as opened:
            content = opened.read(self._max_bytes + 1)
        if len(content) > self._max_bytes:
            raise InvalidRequestError(
                f"the file has more than {self._max_bytes} bytes: remove columns that the request does not name",
                reason="LABELS_TOO_LARGE",
            )
        return read_table(content, file, columns, max_rows, conditions)
