"""Log densities draw by draw, with days that are missing."""

from typing import Any

import torch
from torch.distributions import Independent

__all__ = ["by_day", "log_density", "per_draw"]


def per_draw(log_prob: torch.Tensor, draws: int) -> torch.Tensor:
    """Sums `[draws, ...]` over all but the draws, `[draws]`.

    >>> per_draw(torch.ones(2, 1, 3), 2), per_draw(torch.ones(2), 2)
    (tensor([3., 3.]), tensor([1., 1.]))
    """
    return log_prob.reshape(draws, -1).sum(-1)


def log_density(name: str, fn: Any, value: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Log p of the numbers that are present.

    Args:
        name: The site, for the message.
        fn: Its distribution.
        value: `[draws, ..., *shape]`, anything where missing.
        present: bool `[*shape]`.

    Returns:
        The log density with the batch shape of `fn` and `value`; a missing number adds nothing, nor does its gradient.

    Raises:
        ValueError: numbers are missing inside of a joint distribution.

    >>> import pyro.distributions as dist
    >>> fn = dist.Normal(torch.zeros(1, 1, 2), 1.0).to_event(1)
    >>> log_density("x", fn, torch.tensor([[[0.0, float("nan")]]]), torch.tensor([[True, False]]))
    tensor([[-0.9189]])
    """
    if bool(present.all()):
        log_prob: torch.Tensor = fn.log_prob(value)
        return log_prob
    fn, summed = by_day(name, fn)
    # Any possible number will do in the place of a missing one.
    with torch.random.fork_rng(devices=[]):
        inside = fn.sample().to(value.dtype)
    each = fn.log_prob(torch.where(present, value, inside.expand(torch.broadcast_shapes(inside.shape, value.shape))))
    each = torch.where(present, each, torch.zeros_like(each))
    return each.sum(tuple(range(-summed, 0))) if summed else each


def by_day(name: str, fn: Any) -> tuple[Any, int]:
    """A distribution day by day, and over how many of its dimensions a log density is summed.

    Raises:
        ValueError: it is joint over the days of the data site `name`, some of which are missing.
    """
    summed = 0
    while isinstance(fn, Independent):
        summed, fn = summed + fn.reinterpreted_batch_ndims, fn.base_dist
    if fn.event_shape:
        raise ValueError(
            f"data site {name!r} has missing numbers, and its {type(fn).__name__} is joint over them: leave the whole "
            "record out, or give a distribution that is independent by day."
        )
    return fn, summed
