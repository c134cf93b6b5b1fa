"""Compilation of numeric kernels, with types kept."""

from collections.abc import Callable
from typing import TypeVar

from numba import njit

_F = TypeVar("_F", bound=Callable[..., object])


def compiled(*, fastmath: bool = False) -> Callable[[_F], _F]:
    """Compiles a function with numba, cached on disk, without holding the interpreter lock.

    The cache lies beside the source, or in ``NUMBA_CACHE_DIR`` where that cannot be written.

    Args:
        fastmath: Allow reassociation, so that sums over channels vectorize; not for kernels that must be exact.
    """
    return njit(cache=True, nogil=True, fastmath=fastmath, error_model="numpy")  # type: ignore[no-any-return]  # numba's decorators carry no types
