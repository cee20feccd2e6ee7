"""A hash of what parties must have in common: programs by their source, settings and networks by their numbers."""

import functools
import hashlib
import inspect
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["fingerprint", "package_fingerprint"]


def fingerprint(thing: object) -> str:
    """16 hexadecimal digits: equal for equal settings, arrays and source, in any process.

    A function counts with the source of its file, its defaults, and what it has caught from around it; an object with
    its type and its attributes. What depends on the process (addresses, the order of sets) plays no part.

    >>> fingerprint({"beta": 0.5}) == fingerprint({"beta": 0.5}), fingerprint(0.5) == fingerprint(0.25)
    (True, False)
    """
    digest = hashlib.blake2b(digest_size=8)
    _add(digest, thing, {})
    return digest.hexdigest()


@functools.cache
def package_fingerprint() -> str:
    """The hash of the source of this package."""
    digest = hashlib.blake2b(digest_size=8)
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        _text(digest, path.relative_to(root).as_posix())
        _text(digest, _source(path))
    return digest.hexdigest()


def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


def _text(digest: Any, text: str) -> None:
    data = text.encode()
    digest.update(len(data).to_bytes(8, "big") + data)


def _add(digest: Any, x: Any, seen: dict[int, object]) -> None:
    _text(digest, type(x).__qualname__)
    if x is None or isinstance(x, bool | int | float | complex | str | bytes | Path):
        _text(digest, repr(x))
        return
    if id(x) in seen:  # a circle
        return
    seen[id(x)] = x
    if getattr(x, "hidden", False):  # a secret, or a party's own recordings
        return
    if isinstance(x, torch.Tensor):
        _array(digest, x.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy(), f"{x.dtype}{tuple(x.shape)}")
    elif isinstance(x, np.ndarray):
        _array(digest, np.ascontiguousarray(x).reshape(-1).view(np.uint8), f"{x.dtype}{x.shape}")
    elif isinstance(x, Mapping):
        for key in sorted(x, key=str):
            _text(digest, str(key))
            _add(digest, x[key], seen)
    elif isinstance(x, list | tuple):
        for each in x:
            _add(digest, each, seen)
    elif isinstance(x, set | frozenset):
        _text(digest, repr(sorted(map(repr, x))))
    elif isinstance(x, functools.partial):
        _add(digest, (x.func, x.args, x.keywords), seen)
    elif isinstance(x, types.MethodType):
        _add(digest, (x.__func__, x.__self__), seen)
    elif isinstance(x, types.FunctionType):
        _function(digest, x, seen)
    elif isinstance(x, type | types.ModuleType | types.BuiltinFunctionType):
        _text(digest, f"{getattr(x, '__module__', '')}.{x.__name__}")
    else:
        _add(digest, {**_slots(x), **getattr(x, "__dict__", {})}, seen)


def _array(digest: Any, data: np.ndarray, what: str) -> None:
    _text(digest, what)
    digest.update(data.data)


def _function(digest: Any, function: types.FunctionType, seen: dict[int, object]) -> None:
    _text(digest, function.__qualname__)
    try:
        file = inspect.getsourcefile(function)
    except TypeError:
        file = None
    if file is not None and Path(file).is_file():
        _text(digest, _source(Path(file)))
    else:  # typed into a session
        _text(digest, repr(function.__code__.co_code))
        _add(digest, [c for c in function.__code__.co_consts if not isinstance(c, types.CodeType)], seen)
    _add(digest, (function.__defaults__, function.__kwdefaults__), seen)
    for cell in function.__closure__ or ():
        try:
            _add(digest, cell.cell_contents, seen)
        except ValueError:  # not yet filled
            continue


def _slots(x: Any) -> dict[str, Any]:
    names = [name for kind in type(x).__mro__ for name in getattr(kind, "__slots__", ())]
    return {name: getattr(x, name) for name in names if hasattr(x, name) and name not in ("__dict__", "__weakref__")}
