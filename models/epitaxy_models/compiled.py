"""Compilation of numeric kernels, with types kept."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from epitaxy_models.kernel_cache import KernelCache

_F = TypeVar("_F", bound=Callable[..., object])
_DType = TypeVar("_DType", bound=np.generic)


def compiled(*, fastmath: bool = False) -> Callable[[_F], _F]:
    """Compiles a function with numba, cached on disk, without holding the interpreter lock.

    The cache is that of ``kernel_cache``: an edit of any kernel, or of a constant that kernels import, compiles all of
    them again.

    Args:
        fastmath: Allow reassociation, so that sums over channels vectorize; not for kernels that must be exact.
    """

    def compile_kernel(function: _F) -> _F:
        kernel = njit(nogil=True, fastmath=fastmath, error_model="numpy")(function)
        # What numba's cache=True does, with the folder that we choose.
        kernel._cache = KernelCache(function)
        return kernel  # type: ignore[no-any-return]  # numba's decorators carry no types

    return compile_kernel


def read_only(array: NDArray[_DType]) -> NDArray[_DType]:
    """A contiguous view that nobody writes to, as arrays off the wire are.

    A kernel is compiled for each kind of array that it meets: this way it meets one, and no request waits for another.
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
