"""The handlers in force, outermost first: Pyro keeps them in a private list, which only this file reads."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import _DIM_ALLOCATOR, _PYRO_STACK, default_process_message

__all__ = [
    "all_put_aside",
    "by_methods_alone",
    "effectful",
    "handlers_in_force",
    "heard_by_all",
    "hears",
    "in_place_of_all",
    "innermost",
    "inside_of",
    "listeners",
    "look_again",
    "take_off",
    "vouches",
]

Kind = TypeVar("Kind")
Function = TypeVar("Function", bound=Callable[..., Any])


def by_methods_alone(process: Function) -> Function:
    """Marks a `_process_message` that only calls the method for a message's type, and refuses other threads before."""
    process.by_methods_alone = True  # type: ignore[attr-defined]
    return process


@functools.cache
def _manner(kind: type[Messenger]) -> tuple[bool, bool, bool]:
    """Whether handlers of a class see all messages, before and after the answer, and whether they keep to a thread."""
    before, after = kind._process_message, kind._postprocess_message
    keeps_thread = getattr(before, "by_methods_alone", False)
    plain = before is Messenger._process_message or keeps_thread
    return not plain, after is not Messenger._postprocess_message, keeps_thread


def hears(handler: Any, kind: str) -> bool:
    """Whether a handler may do anything about messages of a type.

    >>> hears(Messenger(), "sample")
    False
    """
    before, after, _ = _manner(handler.__class__)
    return before or after or hasattr(handler, f"_pyro_{kind}") or hasattr(handler, f"_pyro_post_{kind}")


def vouches(handler: Any, mark: str, kind: str) -> bool:
    """Whether what a handler does about messages of a type is what its class says of itself by an attribute.

    A subclass that does more about them does not inherit the word of its parent.

    Args:
        handler: In force or not.
        mark: Name of an attribute that is true in the class that says so.
        kind: Type of message.

    >>> vouches(Messenger(), "lets_answers_be", "sample")
    False
    """
    names = _heard(kind)
    return _says(handler.__class__, mark, names) and vars(handler).keys().isdisjoint(names)


@functools.cache
def _says(cls: type, mark: str, names: tuple[str, ...]) -> bool:
    for each in cls.__mro__:
        if mark in vars(each):
            return bool(vars(each)[mark])
        if not vars(each).keys().isdisjoint((*names, "_process_message", "_postprocess_message")):
            return False
    return False


@functools.cache
def _heard(kind: str) -> tuple[str, str]:
    return f"_pyro_{kind}", f"_pyro_post_{kind}"


class _Listeners(NamedTuple):
    """Who hears of messages of a type, of handlers in force: their places among them, and the names of their methods.

    Attributes:
        before: Innermost first.
        after: Outermost first.
        keeping: Those of both that refuse other threads.
        places: Those of both, each once, in their order.
        watched: Handlers of classes of a user's own, which may be given methods at any time, with the names of their
            two methods and which of them they had.
    """

    before: tuple[tuple[int, str], ...] = ()
    after: tuple[tuple[int, str], ...] = ()
    keeping: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    watched: tuple[tuple[int, str, str, bool, bool], ...] = ()


_found: dict[tuple[str, tuple[type, ...]], _Listeners] = {}
"""By type of message and classes of handlers: nearly every message of a simulation meets the same ones."""


def look_again() -> None:
    """Handlers come into force: what their classes hear of may have changed since it was found out."""
    _found.clear()
    _manner.cache_clear()
    _says.cache_clear()


def _find(kind: str, handlers: Sequence[Any]) -> _Listeners:
    before, after, keeping, watched = [], [], [], []
    for place, handler in enumerate(handlers):
        sees_all, hears_all, keeps_thread = _manner(handler.__class__)
        ask = "_process_message" if sees_all else f"_pyro_{kind}"
        tell = "_postprocess_message" if hears_all else f"_pyro_post_{kind}"
        asked, told = hasattr(handler, ask), hasattr(handler, tell)
        if asked:
            before.append((place, ask))
        if told:
            after.append((place, tell))
        if keeps_thread and (asked or told):
            keeping.append(place)
        if not _is_settled(kind, handler, keeps_thread):
            watched.append((place, ask, tell, asked, told))
    places = sorted({place for place, _ in (*before, *after)})
    return _Listeners(tuple(reversed(before)), tuple(after), tuple(keeping), tuple(places), tuple(watched))


def _who_listens(kind: str, handlers: Sequence[Any]) -> _Listeners:
    key = kind, tuple(map(type, handlers))
    listening = _found.get(key)
    if listening is None or (listening.watched and _have_changed(handlers, listening)):
        listening = _find(kind, handlers)
        if any(_manner(of)[2] for of in key[1]):  # one of ours, which looks again when another one comes into force
            _found[key] = listening
    return listening


def _have_changed(handlers: Sequence[Any], listening: _Listeners) -> bool:
    """Whether handlers that are watched have other methods now."""
    for place, ask, tell, asked, told in listening.watched:
        if hasattr(handlers[place], ask) != asked or hasattr(handlers[place], tell) != told:
            return True
    return False


def _is_settled(kind: str, handler: Any, keeps_thread: bool) -> bool:
    """Whether what a handler hears of is decided by its class, until one of ours comes into force."""
    known = keeps_thread or handler.__class__.__module__.partition(".")[0] in _PACKAGES
    return known and vars(handler).keys().isdisjoint(_heard(kind))


_PACKAGES = ("causal_lpm", "chirho", "pyro")


def listeners(kind: str) -> list[Any]:
    """The handlers in force that may do anything about messages of a type, each once.

    >>> listeners("sample")
    []
    """
    return [_PYRO_STACK[place] for place in _who_listens(kind, _PYRO_STACK).places]


def effectful(type: str) -> Callable[[Function], Function]:
    """Makes a function a message, as Pyro's `effectful` does, which handlers may answer.

    Most handlers hear of few types. Only those that hear of this one are asked: a step sends a dozen messages, and a
    small population would spend half of its time on them. Names and data travel by position.
    """

    def mark(function: Function) -> Function:
        @functools.wraps(function)
        def send(*args: Any, **kwargs: Any) -> Any:
            stack: list[Any] = _PYRO_STACK
            if not stack:
                return function(*args, **kwargs)
            listening, there = _who_listens(type, stack), stack.copy()
            if not (listening.before or listening.after):
                return function(*args, **kwargs)
            msg: Any = {
                "type": type, "name": None, "fn": function, "is_observed": False, "args": args, "kwargs": kwargs,
                "value": None, "scale": 1.0, "mask": None, "cond_indep_stack": (), "done": False, "stop": False,
                "continuation": None, "infer": {},
            }  # fmt: skip
            asked = len(there)
            for place in listening.keeping:
                there[place].refuse_other_threads()
            for place, method in listening.before:
                getattr(there[place], method)(msg)
                if msg["stop"]:
                    asked -= place
                    break
            default_process_message(msg)
            if asked < len(there) or stack != there:  # worlds have split, say
                there = stack[-asked:]
                listening = _who_listens(type, there)
            for place, method in listening.after:
                getattr(there[place], method)(msg)
            if msg["continuation"] is not None:
                msg["continuation"](msg)
            return msg["value"]

        send._is_effectful = True  # type: ignore[attr-defined]
        return cast(Function, send)

    return mark


def handlers_in_force() -> list[Any]:
    """All handlers, outermost first."""
    return list(_PYRO_STACK)


def innermost(kind: type[Kind]) -> Kind | None:
    """The innermost handler of a class; None without one.

    >>> innermost(Messenger) is None
    True
    """
    for handler in reversed(_PYRO_STACK):
        if isinstance(handler, kind):
            return handler
    return None


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
