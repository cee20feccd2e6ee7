"""What the package's own code between the operations asks about values, as messages: not all types may be looked at.

A handler of a type that hides its values (shares of a secret, say) skips `check`, since nobody may know the answer, and
answers `found` with `Everybody`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch

from causal_lpm.ops.look_up import look_up
from causal_lpm.ops.pyro_stack import effectful

__all__ = ["Everybody", "Few", "Found", "check", "found"]


@effectful(type="check")
def check(values: tuple[Any, ...], holds: Callable[[], bool], sentence: Callable[[], str]) -> None:
    """Raises ValueError with `sentence()` unless `holds()`; `values` are what both of them look at.

    >>> import torch
    >>> x = torch.tensor([-1.0])
    >>> check((x,), lambda: bool((x >= 0).all()), lambda: f"the rate is {float(x)}: give a number >= 0.")
    Traceback (most recent call last):
    ValueError: the rate is -1.0: give a number >= 0.
    """
    if not holds():
        raise ValueError(sentence())


class Found(ABC):
    """The agents in `where`, bool `[*dims, agents]`; all other arguments broadcast to its shape."""

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
        """The entry of each agent's own table, `[*dims, agents, K]`, at its index."""

    @abstractmethod
    def put(self, x: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        """`x` with their new values, in its own type and in new memory."""


class Few(Found):
    """Found agents alone: what concerns few is computed for few."""

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
    """All agents, where nobody may see who was found: new values are computed for all, and put for those alone."""

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
    """The agents in `where`, the only ones for whom something must be computed.

    >>> few = found(torch.tensor([False, True, True]))
    >>> few.put(torch.zeros(3), few.of(torch.tensor([5.0, 6.0, 7.0])))
    tensor([0., 6., 7.])
    """
    return Few(where)
