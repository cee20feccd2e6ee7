"""What code between the operations asks about values, as messages: numbers of another type may not be looked at.

A handler of such a type (shares of a secret, say) answers `check` with nothing, since nobody may know the answer, and
`found` with all agents.
"""

from collections.abc import Callable
from types import EllipsisType
from typing import Any, TypeAlias

import torch
from pyro.poutine.runtime import effectful

__all__ = ["Found", "check", "found"]

Found: TypeAlias = tuple[torch.Tensor, ...] | EllipsisType
"""An index: of some, or `...`, of all."""


@effectful(type="check")
def check(values: tuple[Any, ...], holds: Callable[[], bool], sentence: Callable[[], str]) -> None:
    """Raises ValueError with the sentence unless something holds of the values, which both functions look at.

    >>> import torch
    >>> x = torch.tensor([-1.0])
    >>> check((x,), lambda: bool((x >= 0).all()), lambda: f"the rate is {float(x)}: give a number >= 0.")
    Traceback (most recent call last):
    ValueError: the rate is -1.0: give a number >= 0.
    """
    if not holds():
        raise ValueError(sentence())


@effectful(type="found")
def found(where: torch.Tensor) -> Found:
    """The index of the true ones, so that what concerns few agents is computed for few.

    Whoever uses it writes `torch.where(where[index], new, old[index])`: the index may be `...`, where all are asked.

    >>> found(torch.tensor([False, True, True]))
    (tensor([1, 2]),)
    """
    return where.nonzero(as_tuple=True)
