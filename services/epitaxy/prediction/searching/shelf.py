"""Students of the substrates that a replica serves."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy_models.errors import CheckpointError
from epitaxy_models.search import Students, has_students, load_students

_OF_OTHERS = "STUDENTS_OF_OTHER_WEIGHTS"


class StudentShelf:
    """Finds students by the digest of their model's weights; files are read on first need. Safe for threads."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        """``folders`` are those of the models, the present one first."""
        self._folders = tuple(dict.fromkeys(folders))
        self._found: dict[str, Students | None] = {}
        self._lock = Lock()

    def of(self, digest: str, *, is_current: bool) -> Students | None:
        """The students of these weights, None if there are none.

        Raises FailedPreconditionError if the present model's folder has students that do not fit its weights, or that
        cannot be read: somebody has to repair that.
        """
        with self._lock:
            if digest not in self._found:
                self._found[digest] = self._load(digest, is_current=is_current)
            return self._found[digest]

    def _load(self, digest: str, *, is_current: bool) -> Students | None:
        for folder in filter(has_students, self._folders):
            try:
                return load_students(folder, digest)
            except CheckpointError as error:
                if is_current and folder == self._folders[0]:
                    message = f"the model's students do not fit it: {error.message}"
                    raise FailedPreconditionError(message, reason=error.reason) from error
                if error.reason != _OF_OTHERS:
                    raise FailedPreconditionError(error.message, reason=error.reason) from error
        return None
