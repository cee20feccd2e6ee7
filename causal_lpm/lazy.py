"""Package faces: public names that are imported when they are first used, so that a page of help loads no torch."""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["face"]


def face(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """The `__getattr__`, `__dir__` and `__all__` (PEP 562) of a package whose stub says where its names come from.

    Args:
        package: `__name__` of the package.
        file: Its `__file__`; the stub `__init__.pyi` beside it has `from module import name as name` for each name, and
            is what type checkers read.

    >>> from causal_lpm import event
    >>> event.__module__
    'causal_lpm.ops.events'
    """
    stub = ast.parse(Path(file).with_name("__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: str(node.module) for node in imports for alias in node.names}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *homes}), sorted(homes)
