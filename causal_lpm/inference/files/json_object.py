"""JSON objects as they are read back: nothing in them is there twice, and every number is one."""

import json
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["read_object"]


def read_object(file: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        ValueError: it holds something else, a name twice, NaN, or nothing that can be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "manifest.json")
    ...     _ = file.write_text('{"seed": 1, "seed": 2}')
    ...     read_object(file)
    Traceback (most recent call last):
    ValueError: ...manifest.json cannot be read: 'seed' is there twice.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} cannot be read: it holds no JSON object.")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} is there twice")
        found[name] = value
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
