"""How the loops are compiled by numba."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["inner", "loop"]

Function = TypeVar("Function", bound=Callable[..., Any])


def loop(function: Function) -> Function:
    """Compiles a loop at its first call, keeps it on disk, and runs it without the interpreter lock."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inner(function: Function) -> Function:
    """Compiles a function into the loops that call it."""
    return cast(Function, numba.njit(inline="always", error_model="numpy")(function))
