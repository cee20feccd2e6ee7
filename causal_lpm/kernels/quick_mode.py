"""The mode of torch under which a step runs: it asks the table of quick operations first.

A mode hears of everything that is done with a tensor, also of each look at its shape, which costs a microsecond then.
So the operations of this package, which look often and compute by kernels of their own, put it aside while they run.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from torch.overrides import TorchFunctionMode, _get_current_function_mode, _pop_mode, _push_mode

from causal_lpm.kernels.elementwise import answer
from causal_lpm.kernels.one_thread import PRODUCTS, AllThreads

__all__ = ["QuickMode", "without_quick_mode"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class QuickMode(TorchFunctionMode):
    """Answers what the table knows by compiled loops, and leaves all else to torch, products with all threads."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if (quick := answer(func, args, kwargs)) is not None:
            return quick
        if func in PRODUCTS:
            with AllThreads():
                return func(*args, **kwargs) if kwargs else func(*args)
        return func(*args, **kwargs) if kwargs else func(*args)


def without_quick_mode(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, which runs as if there were no `QuickMode`; another mode inside of it stays where it is."""

    @functools.wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if type(_get_current_function_mode()) is not QuickMode:
            return function(*args, **kwargs)
        mode = _pop_mode()
        try:
            return function(*args, **kwargs)
        finally:
            _push_mode(mode)

    return run
