"""The decorator for pieces of kernels: inlined into whatever calls them.

Measured: numba counts references to arrays around every call between kernels, which cost 55
of 84 ns a trade; inlined and without that, the same code takes 29.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import config, njit

F = TypeVar("F", bound=Callable[..., object])

OPTIONS: dict[str, Any] = {"cache": bool(cast(Any, config).CACHE_DIR), "nogil": True, "_nrt": False}


def inlined(function: F) -> F:
    """Compile a function of arrays and scalars that allocates nothing.

    As `kernel`, but always inlined and without reference counting of its arguments, so
    it must not create arrays (numba refuses to compile it if it does).
    """
    return cast(F, njit(forceinline=True, **OPTIONS)(function))


def piece(function: F) -> F:
    """As `inlined`, for functions called rarely: a call costs less than their code again."""
    return cast(F, njit(**OPTIONS)(function))
