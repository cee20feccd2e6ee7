"""How the loops are compiled."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["inner", "loop"]

Function = TypeVar("Function", bound=Callable[..., Any])


def loop(function: Function) -> Function:
    """Compiled at the first call, kept on disk, without the interpreter lock."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inner(function: Function) -> Function:
    """A piece of the loops of this file, compiled into them."""
    return cast(Function, numba.njit(inline="always", error_model="numpy")(function))
