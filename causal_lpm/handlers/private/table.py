"""The explicit table of what torch may do with secrets: operator -> its version on parts. Nothing else is done."""

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["TABLE", "implements"]

Function = TypeVar("Function", bound=Callable[..., Any])

TABLE: dict[Any, Callable[..., Any]] = {}
"""Operator packet of torch -> function. Filled by the modules that this package imports."""


def implements(*operators: Any) -> Callable[[Function], Function]:
    """Puts a function into the table under some operators.

    >>> import torch
    >>> torch.ops.aten.add in TABLE
    True
    """

    def enter(function: Function) -> Function:
        TABLE.update(dict.fromkeys(operators, function))
        return function

    return enter
