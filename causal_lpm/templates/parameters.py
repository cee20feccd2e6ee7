"""Parameters of a template: a number, or a distribution that the model then samples under the parameter's name."""

import math
from typing import TypeAlias

import pyro
import pyro.distributions as dist
import torch

__all__ = ["Parameter", "leaving", "parameter"]

Parameter: TypeAlias = float | torch.Tensor | dist.TorchDistribution
"""What a template takes for each of its parameters."""


def parameter(name: str, value: Parameter, low: float = 0.0, high: float = math.inf) -> torch.Tensor:
    """The number as float32 `[1]`, or a sample of the distribution, `[1]` or `[*draws, 1]`.

    Args:
        name: Of the parameter, and of its sample site.
        value: One number, or a distribution of one number.
        low: The smallest number that makes sense; what a distribution gives below it is cut there.
        high: The largest.

    Raises:
        ValueError: a number outside `low` to `high`, more than one number, a distribution of several numbers.
        TypeError: neither a number nor a distribution.

    >>> parameter("r0", 2.5)
    tensor([2.5000])
    >>> parameter("r0", -1.0)
    Traceback (most recent call last):
    ValueError: the parameter 'r0' is -1: give a number from 0 to inf, or a Pyro distribution.
    """
    if isinstance(value, dist.Distribution):
        if value.batch_shape.numel() != 1 or value.event_shape.numel() != 1:
            raise ValueError(f"the prior of parameter {name!r} is of several numbers: give a distribution of one.")
        drawn: torch.Tensor = torch.atleast_1d(pyro.sample(name, value))
        return drawn.clamp(low, high)
    if isinstance(value, bool | str) or not isinstance(value, int | float | torch.Tensor):
        raise TypeError(
            f"the parameter {name!r} is of type {type(value).__name__}: give a number, or a Pyro distribution."
        )
    number = torch.as_tensor(value, dtype=torch.float32).reshape(-1)
    if number.numel() != 1 or not low <= float(number) <= high:
        given = f"{float(number):g}" if number.numel() == 1 else f"{number.numel()} numbers"
        raise ValueError(
            f"the parameter {name!r} is {given}: give a number from {low:g} to {high:g}, or a Pyro distribution."
        )
    return number


def leaving(days: torch.Tensor) -> torch.Tensor:
    """The hazard a day of leaving a stage that lasts so many days on average, at least one, geometrically distributed.

    >>> 1 / (1 - torch.exp(-leaving(torch.tensor(4.0))))
    tensor(4.)
    """
    return -torch.log1p(-1 / days.clamp(min=1.0))
