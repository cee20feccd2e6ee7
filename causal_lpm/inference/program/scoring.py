"""Log densities draw by draw, with days that are missing and draws under which a distribution is none."""

from typing import Any

import torch
from torch.distributions import Independent, constraints
from torch.distributions.utils import lazy_property

__all__ = ["by_day", "log_density", "per_draw", "valid_density"]


def per_draw(log_prob: torch.Tensor, draws: int) -> torch.Tensor:
    """Sums `[draws, ...]` over all but the draws, `[draws]`.

    >>> per_draw(torch.ones(2, 1, 3), 2), per_draw(torch.ones(2), 2)
    (tensor([3., 3.]), tensor([1., 1.]))
    """
    return log_prob.reshape(draws, -1).sum(-1)


def log_density(name: str, fn: Any, value: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Log p of the numbers that are present; NaN for draws with which the distribution is none.

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
        return valid_density(fn, value)
    fn, summed = by_day(name, fn)
    # A number of another day will do in the place of a missing one: it is left out.
    other = value[..., present][..., :1].reshape(*value.shape[: value.dim() - present.dim()], *(1,) * present.dim())
    each = valid_density(fn, torch.where(present, value, other))
    each = torch.where(present, each, torch.zeros_like(each))
    return each.sum(tuple(range(-summed, 0))) if summed else each


def valid_density(fn: Any, value: torch.Tensor) -> torch.Tensor:
    """Log density that is NaN where arguments of the distribution are impossible, and -infinity outside its support.

    Torch's own check refuses all draws for one of them, and without it probabilities of 1.3 have a density.

    >>> import pyro.distributions as dist
    >>> fn = dist.Poisson(torch.tensor([1.0, -1.0, torch.nan, 1.0]), validate_args=False)
    >>> valid_density(fn, torch.tensor([1.0, 1.0, 1.0, -1.0]))
    tensor([-1.,  nan,  nan, -inf])
    """
    log_prob: torch.Tensor = fn.log_prob(value)
    possible, inside = _valid(fn), fn.support.check(value)
    if not bool(inside.all()):
        log_prob = torch.where(inside.expand(log_prob.shape), log_prob, -torch.inf)
    return log_prob if bool(possible.all()) else torch.where(possible.expand(log_prob.shape), log_prob, torch.nan)


def _valid(fn: Any) -> torch.Tensor:
    """Where all arguments of a distribution, and of those it is made of, are possible: bool, of its batch shape."""
    valid = torch.ones((), dtype=torch.bool)
    for name, constraint in fn.arg_constraints.items():
        # As torch does: what was not given is computed from what was.
        derived = name not in vars(fn) and isinstance(getattr(type(fn), name), lazy_property)
        if not constraints.is_dependent(constraint) and not derived:
            valid = valid & constraint.check(getattr(fn, name))
    inner = getattr(fn, "base_dist", None)
    if inner is not None:
        whole = _valid(inner).expand(inner.batch_shape)
        extra = max(len(inner.batch_shape) - len(fn.batch_shape), 0)
        valid = valid & (whole.flatten(whole.dim() - extra).all(-1) if extra else whole)
    return valid


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
