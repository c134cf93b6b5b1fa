"""Packages that carry data sets: they are read as files and never imported, since they ask for old libraries."""

from importlib.util import find_spec
from pathlib import Path

from epitaxy_models.errors import ConfigurationError

# Module and the name on PyPI; molsets asks for libraries that no longer install.
_ON_PYPI = {"qm9pack": "qm9pack", "moses": "--no-deps molsets", "chemicals": "--no-deps chemicals==1.5.2"}


def package_folder(module: str, folder: Path | None = None) -> Path:
    """Folder of a package: below ``folder`` (made by ``pip install --target``), or installed.

    Raises ConfigurationError (MISSING_PACKAGE).
    """
    if folder is not None and (folder / module).is_dir():
        return folder / module
    found = None if folder is not None else find_spec(module)
    if found is None or not found.submodule_search_locations:
        target = folder or "DIR"
        raise ConfigurationError(
            f"there is no package {module}: pip install --target {target} {_ON_PYPI[module]}, and give --packages "
            f"{target}",
            reason="MISSING_PACKAGE",
        )
    return Path(next(iter(found.submodule_search_locations)))
