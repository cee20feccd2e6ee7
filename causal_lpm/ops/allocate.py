"""Who is served when supply is short."""

import torch
from pyro.poutine.runtime import effectful

from causal_lpm.kernels import reference, select_by
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.number_types import common_shape, numbers
from causal_lpm.ops.population import population, sum_over_ranges

__all__ = ["CLASSES", "allocate", "checked_supply", "whole_supply"]

CLASSES = 256
"""Priority classes are 0..CLASSES - 1; CLASSES and above mean "not asking"."""

MOST = 2**31 - 1
"""The most agents among whom kernels select: they number them in int32."""


@effectful(type="allocate")
def _allocate(name: str, priority: torch.Tensor, supply: torch.Tensor) -> torch.Tensor:
    supply, noise = checked_supply(name, priority, supply), exogenous(name, priority.shape[-1])
    address = population(priority.shape[-1])
    if address.is_part:
        return reference.select_by(priority, noise, supply, CLASSES, address.first, address.total, sum_over_ranges)
    return select_by(priority, noise, supply, CLASSES)


def allocate(name: str, priority: torch.Tensor, supply: torch.Tensor | float) -> torch.Tensor:
    """Serves at most `supply` agents: best class first, ties by exogenous noise, then by agent number.

    The cut-off is found by counting (radix selection), without sorting. Raising the supply serves the same agents and
    some more. Where a process holds a part of the population, the supply is that of everybody.

    Args:
        name: Name of the allocation and of its noise; once a step.
        priority: Integers `[*dims, agents]`: 0 is served first; `CLASSES` (256) or more does not ask.
        supply: How many can be served, whole number, `[*dims, 1]` or one number; below zero counts as zero, and
            infinity serves all who ask.

    Returns:
        bool `[*dims, agents]`.

    Raises:
        ValueError: classes that are floats or negative; a supply that is NaN, a fraction, or not one number a row.

    >>> import torch, pyro
    >>> pyro.set_rng_seed(0)
    >>> allocate("dose", torch.tensor([1, 0, 300, 0]), 2)
    tensor([False,  True, False,  True])
    """
    priority = numbers(f"the priorities of allocation {name!r}", priority)
    if priority.is_floating_point():
        raise ValueError(f"the priorities of allocation {name!r} are floats: give integer classes, 0 for the best.")
    if not 1 <= priority.shape[-1] <= MOST:
        raise ValueError(f"allocation {name!r} is among {priority.shape[-1]} agents: give 1 to 2**31 - 1.")
    if priority.dtype == torch.bool:
        priority = priority.to(torch.uint8)
    if isinstance(supply, int):
        supply = max(0, min(supply, 2**62))  # it may be beyond 64 bits
    given = numbers(f"the supply of allocation {name!r}", supply).to(priority.device)
    if given.shape[-1] != 1:
        raise ValueError(
            f"the supply of allocation {name!r} has shape {tuple(given.shape)}: give one number a row, [*dims, 1]."
        )
    common_shape(f"priorities and supply of allocation {name!r}", priority.shape, given.shape)
    served: torch.Tensor = _allocate(name, priority, given)
    return served


def checked_supply(name: str, priority: torch.Tensor, supply: torch.Tensor) -> torch.Tensor:
    """The supply from 0 to the number of agents, int64 `[*dims, 1]`; a handler that answers an allocation calls it.

    Raises:
        ValueError: a class below 0, a supply that is NaN or a fraction.
    """
    if priority.dtype != torch.uint8 and priority.numel() and int(priority.min()) < 0:
        raise ValueError(f"allocation {name!r} has a class below 0: classes are 0 (best) to {CLASSES - 1}.")
    return whole_supply(name, priority.shape[-1], supply)


def whole_supply(name: str, agents: int, supply: torch.Tensor) -> torch.Tensor:
    """As `checked_supply`, where the priorities of so many agents are checked by somebody else."""
    if supply.is_floating_point():
        if bool((wrong := supply != supply.trunc()).any()):
            raise ValueError(
                f"the supply of allocation {name!r} is {float(supply[wrong][0]):g}: give a whole number (.floor()), or "
                "infinity for as many as ask."
            )
        supply = supply.double()
    else:
        supply = supply.long()
    return supply.clamp(0, population(agents).total).long()
