"""Cached kernels follow every edit of what they inline, and checkouts with equal sources share them."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numba.core.caching import IndexDataCacheFile
from numba.core.registry import CPUDispatcher

from epitaxy_models import kernel_cache
from epitaxy_models.errors import ConfigurationError

PACKAGE = Path(kernel_cache.__file__).parent
HELPER = """
from epitaxy_models.compiled import compiled


@compiled()
def step(x: float) -> float:
    return x + 1.0
"""
CALLER = """
from epitaxy_models.compiled import compiled
from epitaxy_models.helper import step
from epitaxy_models.settings import FACTOR


@compiled()
def twice(x: float) -> float:
    return FACTOR * step(step(x))
"""
PROGRAM = """
import sys
from epitaxy_models.caller import twice
print(twice({argument}), sum(twice.stats.cache_hits.values()), sum(twice.stats.cache_misses.values()))
"""


def small_package(root: Path) -> Path:
    """A package of two kernels, one of which inlines the other and a constant of a third module."""
    package = root / "epitaxy_models"
    package.mkdir(parents=True)
    for name in ("compiled.py", "kernel_cache.py", "errors.py"):
        shutil.copy(PACKAGE / name, package / name)
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text(HELPER)
    (package / "caller.py").write_text(CALLER)
    (package / "settings.py").write_text("FACTOR = 1.0\n")
    return root


def run(root: Path, cache: Path, argument: str = "1.0") -> tuple[float, int, int]:
    """Value, cache hits and cache misses of ``twice`` in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(argument=argument)],
        env=environment, capture_output=True, text=True, check=False, cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    value, hits, misses = done.stdout.split()
    return float(value), int(hits), int(misses)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_an_edit_of_an_inlined_kernel_reaches_the_kernel_that_inlines_it(tmp_path: Path) -> None:
    root = small_package(tmp_path / "one")
    assert run(root, tmp_path / "cache") == (3.0, 0, 1)
    assert run(root, tmp_path / "cache") == (3.0, 1, 0)
    edit(root / "epitaxy_models/helper.py", "x + 1.0", "x + 2.0")
    assert run(root, tmp_path / "cache") == (5.0, 0, 1)


def test_an_edit_of_a_constant_in_a_module_without_kernels_reaches_the_kernel_that_imports_it(tmp_path: Path) -> None:
    root = small_package(tmp_path / "one")
    assert run(root, tmp_path / "cache")[0] == 3.0
    edit(root / "epitaxy_models/settings.py", "1.0", "10.0")
    assert run(root, tmp_path / "cache") == (30.0, 0, 1)


def test_checkouts_share_compiled_kernels_while_their_sources_are_equal(tmp_path: Path) -> None:
    first, second = small_package(tmp_path / "one"), small_package(tmp_path / "two/deeper")
    run(first, tmp_path / "cache")
    assert run(second, tmp_path / "cache") == (3.0, 1, 0)
    edit(second / "epitaxy_models/helper.py", "x + 1.0", "x + 2.0")
    assert run(second, tmp_path / "cache") == (5.0, 0, 1)
    assert run(first, tmp_path / "cache") == (3.0, 1, 0)


class Entry:
    """Stands for a compiled kernel: its signature is all that the cache needs to keep it apart."""

    codegen = None


def test_two_that_save_one_kernel_for_different_types_at_once_keep_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_cache, "kernel_folder", lambda: tmp_path / "folder")
    monkeypatch.setattr(kernel_cache.KernelCache, "_index_key", lambda self, sig, codegen: sig)
    monkeypatch.setattr(kernel_cache.KernelCache._impl_class, "check_cachable", lambda self, data: True)
    monkeypatch.setattr(kernel_cache.KernelCache._impl_class, "reduce", lambda self, data: "code")
    load = IndexDataCacheFile._load_index

    def load_and_dawdle(file: IndexDataCacheFile) -> dict[object, str]:
        found = load(file)
        time.sleep(0.2)
        return found

    monkeypatch.setattr(IndexDataCacheFile, "_load_index", load_and_dawdle)
    caches = [kernel_cache.KernelCache(edit) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for saved in [pool.submit(cache.save_overload, sig, Entry()) for sig, cache in enumerate(caches)]:
            saved.result()
    files = load(caches[0]._cache_file)
    assert files.keys() == {0, 1}
    assert files[0] != files[1]


def test_only_the_most_recently_used_folders_are_kept(tmp_path: Path) -> None:
    root, cache = small_package(tmp_path / "one"), tmp_path / "cache"
    place = cache / "epitaxy-kernels"
    for age in range(20):
        folder = place / f"old-{age}"
        folder.mkdir(parents=True)
        os.utime(folder, (1e9 - age, 1e9 - age))
    run(root, cache)
    kept = {folder.name for folder in place.iterdir()}
    assert len(kept) == kernel_cache.N_FOLDERS
    assert {name for name in kept if name.startswith("old")} == {f"old-{age}" for age in range(len(kept) - 1)}
    assert run(root, cache) == (3.0, 1, 0)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Places that are tried one after the other; a file stands for a folder that cannot be written."""
    found = [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setattr(kernel_cache, "_places", lambda: iter(found))
    kernel_cache.kernel_folder.cache_clear()
    yield found
    kernel_cache.kernel_folder.cache_clear()


def test_the_next_place_is_taken_if_one_cannot_be_written(places: list[Path]) -> None:
    places[0].write_text("a file")
    assert kernel_cache.kernel_folder().parent == places[1]


def test_a_process_that_can_write_nowhere_is_told_what_to_set(places: list[Path]) -> None:
    for place in places:
        place.write_text("a file")
    with pytest.raises(ConfigurationError, match="set NUMBA_CACHE_DIR"):
        kernel_cache.kernel_folder()


def test_the_configured_folder_comes_first_and_the_package_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache.numba.config, "CACHE_DIR", "/somewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert list(kernel_cache._places()) == [
        Path("/somewhere/epitaxy-kernels"), Path("/caches/epitaxy/kernels"), PACKAGE / "__pycache__" / "kernels",
    ]  # fmt: skip


def kernels_of(path: Path) -> list[CPUDispatcher]:
    """Kernels that the module defines."""
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    values = [value for value in vars(importlib.import_module(name)).values() if isinstance(value, CPUDispatcher)]
    return [kernel for kernel in values if kernel.py_func.__module__ == name]


def imported_from(source: bytes) -> dict[str, Path]:
    """File of the package that each imported name comes from."""
    return {
        alias.asname or alias.name: PACKAGE.parent.joinpath(*node.module.split(".")).with_suffix(".py")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("epitaxy_models")
        for alias in node.names
    }


def test_every_kernel_of_the_package_is_cached_by_the_hash() -> None:
    holders = [path for path in PACKAGE.rglob("*.py") if re.search(r"^@compiled", path.read_text(), re.MULTILINE)]
    kernels = [kernel for path in holders for kernel in kernels_of(path)]
    assert len(kernels) > 40
    assert {Path(kernel._cache.cache_path) for kernel in kernels} == {kernel_cache.kernel_folder()}
    outside = [path for path in PACKAGE.rglob("*.py") if re.search(r"\bn?jit\(", path.read_text())]
    assert outside == [PACKAGE / "compiled.py"]


def test_the_hash_covers_all_that_kernels_read_from_other_modules() -> None:
    """Numba freezes what a kernel reads: constants must be in hashed sources, and not in arrays read from data."""
    covered = kernel_cache.kernel_sources(PACKAGE)
    frozen = (int, float, np.generic, tuple, str, type, types.ModuleType, types.BuiltinFunctionType, CPUDispatcher)
    checked = 0
    for path in covered:
        origins = imported_from(covered[path])
        for function in (kernel.py_func for kernel in kernels_of(path)):
            for name in set(function.__code__.co_names) & function.__globals__.keys():
                assert isinstance(function.__globals__[name], frozen), (function.__qualname__, name)
                if name in origins:
                    assert origins[name] in covered, (function.__qualname__, name)
                    checked += 1
    assert checked >= 3
