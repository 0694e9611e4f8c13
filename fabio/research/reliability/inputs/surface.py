"""A way in: what reads bytes from outside, with what it may refuse."""

from collections.abc import Callable

import msgspec

Read = Callable[[bytes], None]
class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """One way in.

    Parameters
    ----------
    samples
        Good input.
    read
        Reads bytes as the agent does; what it raises beside `refusals` has escaped.
    refusals
        The typed errors with which it may refuse; empty where refusing is a value.
    mebibyte_ms
        Longest that a mebibyte of anything may take.
    read_mebibyte
        How a mebibyte comes in where that is another way.
    """

    samples: tuple[bytes, ...]
    read: Read
    refusals: tuple[type[Exception], ...] = ()
    mebibyte_ms: float = 100.0
    read_mebibyte: Read | None = None
