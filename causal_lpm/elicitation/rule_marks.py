"""What tells the rule of a synthetic respondent from another: its code, all that it uses, and the seed."""

import functools
import hashlib
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

__all__ = ["mark_of"]


def mark_of(rule: Callable[..., Any], seed: int) -> str:
    """8 digits, the same for the same code with the same values, in any process with the same version of Python.

    >>> mark_of(lambda cell: 0.2, 0) == mark_of(lambda cell: 0.2, 0)
    True
    >>> mark_of(lambda cell: 0.2, 0) == mark_of(lambda cell: 0.3, 0)
    False
    """
    return hashlib.sha256(f"{seed}/{_described(rule, ())}".encode()).hexdigest()[:8]


def _described(what: object, within: tuple[int, ...]) -> object:
    """What is compared, in place of addresses and files: of functions their code and what they refer to."""
    if id(what) in within:
        return "itself"
    parts: list[object]
    if isinstance(what, FunctionType):
        enclosed = [cell.cell_contents for cell in what.__closure__ or ()]
        used = [what.__globals__[name] for name in _names(what.__code__) if name in what.__globals__]
        parts = [what.__code__, enclosed, what.__defaults__, what.__kwdefaults__, used]
    elif isinstance(what, CodeType):
        parts = [what.co_code.hex(), what.co_names, *what.co_consts]
    elif isinstance(what, MethodType):
        parts = [what.__func__, what.__self__]
    elif isinstance(what, functools.partial):
        parts = [what.func, what.args, what.keywords]
    elif isinstance(what, dict):
        parts = list(what.items())
    elif isinstance(what, list | tuple):
        parts = list(what)
    elif isinstance(what, set | frozenset):
        parts = [*sorted(map(repr, what))]
    elif isinstance(what, ModuleType | type):
        return what.__name__
    elif hasattr(what, "__dict__") and callable(what):
        parts = [type(what), getattr(type(what).__call__, "__code__", None), vars(what)]
    else:
        return repr(what)
    return [_described(part, (*within, id(what))) for part in parts]


def _names(code: CodeType) -> list[str]:
    """Names that a function uses, in functions inside it too."""
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const)]
    return [*code.co_names, *inner]
