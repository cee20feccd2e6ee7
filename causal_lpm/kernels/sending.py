"""Numbers that are 0 in most places, kept by where they are not: what the few who send something send."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from causal_lpm.kernels.dispatch import implementation

__all__ = ["Sending", "not_zero"]


class Sending(NamedTuple):
    """Whole numbers by place; all other places have 0.

    Attributes:
        place: int64 `[n]`, ascending.
        value: int64 `[n]`, none of them 0.
    """

    place: Tensor
    value: Tensor

    @classmethod
    def none(cls) -> Sending:
        """0 everywhere."""
        return cls(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))

    def plus(self, *others: tuple[Tensor, Tensor]) -> Sending:
        """The sum with others, places and values in any order; quick where each is in order.

        >>> one = Sending(torch.tensor([2, 5]), torch.tensor([1, 7]))
        >>> one.plus((torch.tensor([5, 3]), torch.tensor([-7, 4])))
        Sending(place=tensor([2, 3]), value=tensor([1, 4]))
        """
        place = np.concatenate([self.place.numpy(), *(each[0].numpy() for each in others)])
        value = np.concatenate([self.value.numpy(), *(each[1].numpy() for each in others)])
        if not len(place):
            return self
        order = np.argsort(place, kind="stable")  # numpy's finds stretches that are in order, and merges them
        place, value = place[order], value[order]
        first = np.flatnonzero(np.diff(place, prepend=-1))
        total = np.add.reduceat(value, first)
        left = total != 0
        return Sending(torch.from_numpy(place[first[left]]), torch.from_numpy(total[left]))

    def change_to(self, new: Sending) -> Sending:
        """What has to be added, so that these become the new ones."""
        return new.plus((self.place, -self.value))


def not_zero(x: Tensor) -> Tensor:
    """Where numbers are not 0, int64 `[n]`, ascending.

    Args:
        x: bool or whole numbers, one dimension.

    >>> not_zero(torch.tensor([0, 7, 0, -1]))
    tensor([1, 3])
    """
    if implementation(x).__name__ != "causal_lpm.kernels.cpu":
        return x.nonzero()[:, 0]
    from causal_lpm.kernels import cpu_ranges

    numbers: Any = x.contiguous().numpy()
    numbers = numbers.view(np.int8) if x.dtype == torch.bool else numbers
    where = np.empty(max(1024, len(numbers) >> 5), np.int64)
    found = cpu_ranges.not_zero(numbers, where)
    if found > len(where):
        where = np.empty(found, np.int64)
        cpu_ranges.not_zero(numbers, where)
    return torch.from_numpy(where[:found])
