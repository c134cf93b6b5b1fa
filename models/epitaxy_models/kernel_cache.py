"""Where compiled kernels are kept: one folder for each state of all kernel sources.

numba keys a cached kernel by its own file, so an edit of a kernel that others inline would leave those stale: a test
could pass on code that never ran. Here the folder's name is a hash of every module that holds a kernel, of the modules
that kernels take constants from (numba freezes them), and of numba's version. An edit of any of them starts a folder of
its own, and no two states of the code ever share one.

The folder lies in the first of these places that can be written:

1. ``NUMBA_CACHE_DIR``, if it is set: for containers with a read-only root.
2. The user's cache folder, ``$XDG_CACHE_HOME/epitaxy/kernels`` or ``~/.cache/epitaxy/kernels``. It comes before the
   package because nothing in it depends on where the package lies: a second checkout or virtual environment with equal
   sources finds its kernels compiled, which takes more than a minute otherwise.
3. Beside the package, for accounts without a home.

Processes that compile at the same time take turns at writing. At most ``N_FOLDERS`` folders are kept in a place, the
most recently used ones; about 7 MB each.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

from epitaxy_models.errors import ConfigurationError

N_FOLDERS = 16
_PACKAGE = Path(__file__).parent
_KERNEL = re.compile(rb"^@compiled\(", re.MULTILINE)
_IMPORT = re.compile(rb"^from (\w+(?:\.\w+)*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_CONSTANT = re.compile(rb"\b_?[A-Z][A-Z0-9_]+\b")
_LOCK_SECONDS = 60


class KernelCache(FunctionCache):  # type: ignore[misc]  # numba carries no types
    """numba's cache of one kernel, in the folder of the present sources."""

    def _save_overload(self, sig: Any, data: Any) -> None:
        """Saves under a lock.

        numba reads the index, chooses the next free file and writes both. Two processes that compiled the kernel for
        different types at once would choose one file, and the index would name the code of the other.
        """
        # Imported here: it takes 80 ms, and a process that finds its kernels compiled never saves any.
        from filelock import FileLock  # noqa: PLC0415

        folder = Path(self.cache_path)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "writing.lock", timeout=_LOCK_SECONDS):
            super()._save_overload(sig, data)


class _Locator(_CacheLocator):  # type: ignore[misc]  # numba carries no types
    """Tells numba the folder; the hash in its name takes the place of a stamp of the source file."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "_Locator":
        return cls(py_func)

    def get_cache_path(self) -> str:
        return str(kernel_folder())

    def get_source_stamp(self) -> str:
        return kernel_folder().name

    def get_disambiguator(self) -> str:
        """Numba names files by the last part of the module alone, and several modules are called ``geometry``."""
        return f"{self._kernel.__module__}-{self._kernel.__code__.co_firstlineno}"


class _Implementation(CompileResultCacheImpl):  # type: ignore[misc]  # numba carries no types
    _locator_classes = (_Locator,)


KernelCache._impl_class = _Implementation


@cache
def kernel_folder() -> Path:
    """The folder of the present sources, made and marked as used.

    Raises ConfigurationError if no place can be written.
    """
    name = sources_hash(_PACKAGE)
    for place in _places():
        folder = place / name
        is_new = not folder.exists()
        if _is_writable(folder):
            os.utime(folder)
            if is_new:
                _remove_least_recently_used(place)
            return folder
    raise ConfigurationError(
        "no folder for compiled kernels can be written: set NUMBA_CACHE_DIR to one that can", reason="NO_KERNEL_CACHE"
    )


def sources_hash(package: Path) -> str:
    """Hash of all that decides what a kernel of the package computes, 32 hexadecimal digits."""
    content = blake2b(numba.__version__.encode(), digest_size=16, person=b"kernel-sources")
    for path, source in sorted(kernel_sources(package).items()):
        content.update(f"\0{path.relative_to(package).as_posix()}\0{len(source)}\0".encode())
        content.update(source)
    return content.hexdigest()


def kernel_sources(package: Path) -> dict[Path, bytes]:
    """Modules that hold kernels, modules that these import constants from, and the compiler's settings."""
    sources = {path: path.read_bytes() for path in package.rglob("*.py")}
    covered = {path for path, source in sources.items() if _KERNEL.search(source)}
    for path in tuple(covered):
        covered.update(_modules_of_constants(package, sources[path]))
    covered.add(package / "compiled.py")
    return {path: sources[path] for path in covered if path in sources}


def _modules_of_constants(package: Path, source: bytes) -> Iterator[Path]:
    for module, names in _IMPORT.findall(source):
        root, *parts = module.decode().split(".")
        if root == package.name and _CONSTANT.search(names):
            yield package.joinpath(*parts).with_suffix(".py")
            yield package.joinpath(*parts, "__init__.py")


def _places() -> Iterator[Path]:
    if numba.config.CACHE_DIR:
        yield Path(numba.config.CACHE_DIR) / "epitaxy-kernels"
    with suppress(RuntimeError):  # an account without a home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "epitaxy" / "kernels"
    yield _PACKAGE / "__pycache__" / "kernels"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _remove_least_recently_used(place: Path) -> None:
    """A process that still reads a removed folder compiles what it lacks."""
    by_use = sorted(place.iterdir(), key=_last_use, reverse=True)
    for folder in by_use[N_FOLDERS:]:
        shutil.rmtree(folder, ignore_errors=True)


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # removed by another process
        return 0.0
