"""Compilation of numeric kernels, with types kept."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

_F = TypeVar("_F", bound=Callable[..., object])
_DType = TypeVar("_DType", bound=np.generic)


def compiled(*, fastmath: bool = False) -> Callable[[_F], _F]:
    """Compiles a function with numba, cached on disk, without holding the interpreter lock.

    The cache lies beside the source, or in ``NUMBA_CACHE_DIR`` where that cannot be written. It follows changes of
    its own file only: after one to a kernel that kernels of other files call, touch those files.

    Args:
        fastmath: Allow reassociation, so that sums over channels vectorize; not for kernels that must be exact.
    """
    return njit(cache=True, nogil=True, fastmath=fastmath, error_model="numpy")  # type: ignore[no-any-return]  # numba's decorators carry no types


def read_only(array: NDArray[_DType]) -> NDArray[_DType]:
    """A contiguous view that nobody writes to, as arrays off the wire are.

    A kernel is compiled for each kind of array that it meets: this way it meets one, and no request waits for another.
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
