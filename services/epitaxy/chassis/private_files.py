"""Files that hold secrets: read only if nobody else can read or change them."""

import os
import stat
from pathlib import Path

from epitaxy_models.errors import ConfigurationError

_OF_OWNER, _OF_OWNER_AND_GROUP = 0o700, 0o740


def read_private(path: Path, what: str, *, allows_shared: bool = False) -> bytes:
    """The content of a file that others can neither read nor change.

    A file of this process's user must be closed to group and others. One of root, as kubelets and packages install
    them, may be readable by its group. Errors name the file, not the folder that it is in.

    Args:
        path: Links are followed.
        what: What the file is, in errors: "the tenants file".
        allows_shared: Read it whatever its mode.

    Raises ConfigurationError.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read()
    except OSError as error:
        raise ConfigurationError(f"{what} {path.name} cannot be read: {error.strerror}") from error
    mode = stat.S_IMODE(status.st_mode)
    allowed = _OF_OWNER_AND_GROUP if status.st_uid == 0 else _OF_OWNER
    if not allows_shared and mode & 0o777 & ~allowed:
        raise ConfigurationError(
            f"{what} {path.name} has mode {mode:04o}, so others can read or change it: chmod 600 it, or allow that by "
            "EPITAXY_GATEWAY_ALLOWS_SHARED_FILES=true"
        )
    return content
