"""Daily series as measures take them: counts of whatever type, the days last."""

from typing import Any

from torch import Tensor

from causal_lpm.ops.number_types import numbers

__all__ = ["counts"]


def counts(name: str, series: Any) -> Tensor:
    """The series as float64 `[*dims, days]`; raises ValueError for negative numbers, infinity, or no days.

    >>> counts("the incidence", [1, 2])
    tensor([1., 2.], dtype=torch.float64)
    """
    values = numbers(name, series).double()
    if values.dim() < 1 or not values.shape[-1]:
        raise ValueError(f"as {name}, the shape {tuple(values.shape)} was given: give one number a day, days last.")
    if bool((values < 0).any()) or bool(values.isinf().any()):
        raise ValueError(f"as {name}, negative or infinite numbers were given: give counts, NaN where unknown.")
    return values
