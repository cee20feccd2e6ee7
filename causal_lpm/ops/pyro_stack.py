"""The handlers in force, outermost first: Pyro keeps them in a private list, which only this file reads."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import _DIM_ALLOCATOR, _PYRO_STACK

__all__ = [
    "all_put_aside",
    "handlers_in_force",
    "heard_by_all",
    "in_place_of_all",
    "innermost",
    "inside_of",
    "take_off",
]

Kind = TypeVar("Kind")


def handlers_in_force() -> list[Any]:
    """All handlers, outermost first."""
    return list(_PYRO_STACK)


def innermost(kind: type[Kind]) -> Kind | None:
    """The innermost handler of a class; None without one.

    >>> innermost(Messenger) is None
    True
    """
    return next((handler for handler in reversed(_PYRO_STACK) if isinstance(handler, kind)), None)


def inside_of(handler: Messenger) -> list[Any]:
    """The handlers inside of one, outermost first; none where it is not in force."""
    return _PYRO_STACK[_PYRO_STACK.index(handler) + 1 :] if handler in _PYRO_STACK else []


def take_off(handler: Messenger) -> None:
    """Ends a handler in the middle of others, without its exit."""
    _PYRO_STACK.remove(handler)


@contextlib.contextmanager
def in_place_of_all(handlers: Sequence[Any]) -> Iterator[None]:
    """In the block these handlers are in force, and no others."""
    outside = list(_PYRO_STACK)
    _PYRO_STACK[:] = handlers
    try:
        yield
    finally:
        _PYRO_STACK[:] = outside


@contextlib.contextmanager
def all_put_aside() -> Iterator[None]:
    """In the block no handler is in force and no dimension is taken by a plate: something else may run meanwhile."""
    dimensions = list(_DIM_ALLOCATOR._stack)
    _DIM_ALLOCATOR._stack[:] = []
    try:
        with in_place_of_all([]):
            yield
    finally:
        _DIM_ALLOCATOR._stack[:] = dimensions


def heard_by_all(msg: Any, before: int) -> None:
    """Makes every handler hear of the end of a message that may bring more handlers into force.

    Worlds that split put plates on the stack; when Pyro reports that a message is done, it would leave out as many of
    the outermost handlers, a log for example.

    Args:
        msg: The message.
        before: How many handlers were in force when it began.
    """
    continuation = msg["continuation"]

    def tell(msg: Any) -> None:
        for handler in _PYRO_STACK[: max(0, len(_PYRO_STACK) - before)]:
            handler._postprocess_message(msg)
        if continuation is not None:
            continuation(msg)

    msg["continuation"] = tell
