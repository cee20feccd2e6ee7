"""A threshold: where a margin is above 0, with a slope for handlers of gradients."""

import math
from typing import Any

import torch
from pyro.poutine.runtime import effectful

from causal_lpm.ops.looking import check
from causal_lpm.ops.number_types import numbers

__all__ = ["above", "check_margin"]

_LARGEST = {f"uint{bits}": 2**bits - 1 for bits in (8, 16, 32, 64)}


@effectful(type="above")
def _above(name: str, margin: torch.Tensor, width: float) -> torch.Tensor:
    check_margin(name, margin)
    return margin > 0


def above(name: str, margin: torch.Tensor, width: float) -> torch.Tensor:
    """Where a margin is above 0: who buys because the news are worse than what it bears, which hen is laid off.

    The comparison itself, `margin > 0`, as it stands. Handlers of gradients see through it, as they do through events,
    by the slope of a logistic function of this width: under `StraightThrough` it is 0 or 1 forward, under `MeanField`
    and `Relaxed` sigmoid(margin / width). A narrow slope is less biased, and felt by fewer agents, so noisier: take
    that within which a few hundred of your agents lie, and hold it against finite differences (`check_gradient`).

    Args:
        name: Name of the threshold, for messages.
        margin: Numbers `[*dims, agents]` or `[*dims, 1]`: what is compared less what it is compared with.
        width: Of the slope, above 0, in the unit of the margin; it plays no part without a handler of gradients.

    Returns:
        bool `[*dims, agents]`, floats of the type of the margin under handlers of gradients.

    Raises:
        ValueError: a width that is not a positive number of the type of the margin; a margin that is NaN, or of
            unsigned integers, where differences wrap around and none is below 0; under `Score`, a margin that carries
            a gradient.

    Source: as of `StraightThrough`.

    >>> import torch
    >>> from causal_lpm import MeanField
    >>> above("buys", torch.tensor([-1.0, 0.0, 3.0]), width=1.0)
    tensor([False, False,  True])
    >>> with MeanField():
    ...     1 * above("buys", torch.tensor([-1.0, 0.0, 3.0]), width=1.0)
    tensor([0.2689, 0.5000, 0.9526])
    """
    kind = str(getattr(margin, "dtype", "")).removeprefix("torch.")  # as given: wider integers hold what has wrapped
    if kind in _LARGEST:
        raise ValueError(
            f"the margin of threshold {name!r} is {kind}, of which 1 - 2 is {_LARGEST[kind]}: subtract floats or int64."
        )
    given = numbers(f"the margin of threshold {name!r}", margin)
    found: torch.Tensor = _above(name, given, _width(name, width, given.dtype))
    return found


def _width(name: str, width: Any, margin: torch.dtype) -> float:
    try:
        number = float(width)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    range_ = torch.finfo(margin if margin.is_floating_point else torch.float32)
    if not range_.tiny <= number <= range_.max:  # a margin by a width that is rounded to 0 would be NaN
        raise ValueError(
            f"the width of threshold {name!r} is {width!r}: give a positive number, in the unit of the margin, "
            "and within the range of its type."
        )
    return number


def check_margin(name: str, margin: torch.Tensor) -> None:
    """Raises ValueError for a margin that is NaN; a handler that answers a threshold calls it."""
    check(
        (margin,),
        lambda: not (margin.is_floating_point() and bool(margin.isnan().any())),
        lambda: (
            f"the margin of threshold {name!r} is NaN, and a comparison with NaN says no: look for 0/0 or inf - inf in "
            "what it is made of."
        ),
    )
