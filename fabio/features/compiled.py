"""The decorator for kernels: compiled once, cached where the shell said."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import config, njit

F = TypeVar("F", bound=Callable[..., object])
_CACHED = bool(getattr(config, "CACHE_DIR", ""))


def kernel(function: F) -> F:
    """Compile a function of arrays and scalars with numba.

    Compiled code is kept on disk only where the shell named a folder whose name holds
    the hash of all kernel sources (`NUMBA_CACHE_DIR`, set before numba is imported):
    numba's own cache looks at one file alone and goes stale when a callee in another
    file changes.
    """
    return cast(F, njit(cache=_CACHED, nogil=True)(function))
