"""Who is served when supply is short."""

import torch
from pyro.poutine.runtime import effectful

from causal_lpm.kernels import select_by
from causal_lpm.ops.exogenous import exogenous

__all__ = ["CLASSES", "allocate"]

CLASSES = 256
"""Priority classes are 0..CLASSES - 1; CLASSES and above mean "not asking"."""


@effectful(type="allocate")
def _allocate(name: str, priority: torch.Tensor, supply: torch.Tensor) -> torch.Tensor:
    return select_by(priority, exogenous(name, priority.shape[-1]), supply, CLASSES)


def allocate(name: str, priority: torch.Tensor, supply: torch.Tensor | int) -> torch.Tensor:
    """Serves at most `supply` agents: best class first, ties by exogenous noise, then by agent number.

    A counting cut-off (radix selection), never a sort. Raising the supply serves the same agents and some more.

    Args:
        name: Name of the allocation and of its noise; once a step.
        priority: Integers `[*dims, agents]`: 0 is served first; `CLASSES` (256) or more does not ask.
        supply: How many can be served, whole number, `[*dims, 1]` or one number; below zero counts as zero.

    Returns:
        bool `[*dims, agents]`.

    Raises:
        ValueError: a negative class.

    >>> import torch, pyro
    >>> pyro.set_rng_seed(0)
    >>> allocate("dose", torch.tensor([1, 0, 300, 0]), 2)
    tensor([False,  True, False,  True])
    """
    if priority.is_floating_point():
        raise ValueError(f"the priorities of allocation {name!r} are floats: give integer classes, 0 for the best.")
    if priority.dtype != torch.uint8 and bool((priority < 0).any()):
        raise ValueError(f"allocation {name!r} has a class below 0: classes are 0 (best) to {CLASSES - 1}.")
    doses = torch.atleast_1d(torch.as_tensor(supply, device=priority.device)).long().clamp(min=0)
    served: torch.Tensor = _allocate(name, priority, doses)
    return served
