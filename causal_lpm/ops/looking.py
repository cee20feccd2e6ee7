"""What code between the operations asks about values, as messages: numbers of another type may not be looked at.

A handler of such a type (shares of a secret, say) answers `check` with nothing, since nobody may know the answer, and
`found` with `Everybody`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from pyro.poutine.runtime import effectful

from causal_lpm.ops.look_up import look_up

__all__ = ["Everybody", "Few", "Found", "check", "found"]


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


class Found(ABC):
    """The agents in `where`, bool `[*dims, agents]`; what is given of others broadcasts to its shape."""

    def __init__(self, where: torch.Tensor) -> None:
        self.where = where

    @abstractmethod
    def __bool__(self) -> bool:
        """Whether there may be any."""

    @abstractmethod
    def of(self, x: torch.Tensor) -> torch.Tensor:
        """Their values of `x`."""

    @abstractmethod
    def entries(self, tables: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """The entry of each one's own table, `[*dims, agents, K]`, at the index of each."""

    @abstractmethod
    def put(self, x: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        """`x` with their new values, in its own type and in new memory."""


class Few(Found):
    """Those alone: what concerns few agents is computed for few."""

    def __init__(self, where: torch.Tensor) -> None:
        super().__init__(where)
        self.index = where.nonzero(as_tuple=True)

    def __bool__(self) -> bool:
        return self.index[0].numel() > 0

    def of(self, x: torch.Tensor) -> torch.Tensor:
        return x.expand(self.where.shape)[self.index]

    def entries(self, tables: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return tables.expand(*self.where.shape, tables.shape[-1])[(*self.index, index.long())]

    def put(self, x: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        x = x.expand(self.where.shape).clone()
        x[self.index] = new.to(x.dtype)
        return x


class Everybody(Found):
    """All agents, where nobody may see who they are: new values are computed for all, and most of them not put."""

    def __bool__(self) -> bool:
        return True

    def of(self, x: torch.Tensor) -> torch.Tensor:
        return x.expand(self.where.shape)

    def entries(self, tables: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return look_up(tables, index)

    def put(self, x: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        return torch.where(self.where, new.to(x.dtype), x)


@effectful(type="found")
def found(where: torch.Tensor) -> Found:
    """The agents in `where`, for whom alone something is to be computed.

    >>> few = found(torch.tensor([False, True, True]))
    >>> few.put(torch.zeros(3), few.of(torch.tensor([5.0, 6.0, 7.0])))
    tensor([0., 6., 7.])
    """
    return Few(where)
