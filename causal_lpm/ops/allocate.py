"""Who is served when supply is short."""

import functools

import torch

from causal_lpm.kernels import reference, select_by
from causal_lpm.kernels.quick_mode import without_quick_mode
from causal_lpm.kernels.select_among import select_among
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.number_types import common_shape, numbers
from causal_lpm.ops.population import population, sum_over_ranges
from causal_lpm.ops.pyro_stack import effectful
from causal_lpm.validate import fits_in_memory

__all__ = ["CLASSES", "allocate", "check_stocks", "checked_supply", "whole_supply"]

CLASSES = 256
"""Priority classes are 0..CLASSES - 1; CLASSES and above mean "not asking"."""

MOST = 2**31 - 1
"""The most agents among whom kernels select: they number them in int32."""


@effectful(type="allocate")
def _allocate(name: str, priority: torch.Tensor, supply: torch.Tensor, by: torch.Tensor | None) -> torch.Tensor:
    supply, agents = checked_supply(name, priority, supply, by), priority.shape[-1]
    address = population(agents)
    if address.is_part and by is None:
        lead = exogenous(name, 1).shape[:-1]
        luck = functools.partial(exogenous, name, agents)
        return select_among(priority, luck, lead, supply, CLASSES, address.first, sum_over_ranges)
    noise = exogenous(name, agents)
    if address.is_part:
        return reference.select_by(priority, noise, supply, CLASSES, by, address.first, address.total, sum_over_ranges)
    return select_by(priority, noise, supply, CLASSES, by)


@without_quick_mode
def allocate(
    name: str, priority: torch.Tensor, supply: torch.Tensor | float, by: torch.Tensor | None = None
) -> torch.Tensor:
    """Serves at most `supply` agents: best class first, ties by exogenous noise, then by agent number.

    The cut-off is found by counting (radix selection), without sorting. Raising the supply serves the same agents and
    some more. Where a process holds a part of the population, the supply is that of everybody. With `by`, each group
    has a stock of its own, a district or a supplier: as one call a group would with the same noise, in the time of one.

    Args:
        name: Name of the allocation and of its noise; once a step.
        priority: Integers `[*dims, agents]`: 0 is served first; `CLASSES` (256) or more does not ask.
        supply: How many can be served, whole number, `[*dims, 1]` or one number; below zero counts as zero, and
            infinity serves all who ask. With `by`, `[*dims, groups]`, from 0.
        by: Whose stock serves each agent, integers `[agents]` or `[*dims, agents]` from 0; -1: nobody's, not served.

    Returns:
        bool `[*dims, agents]`.

    Raises:
        ValueError: classes that are floats or negative; a supply that is NaN, a fraction, or not one number a row;
            with `by`, a negative stock, groups that are not integers from -1 to the number of stocks - 1.

    >>> import torch, pyro
    >>> pyro.set_rng_seed(0)
    >>> allocate("dose", torch.tensor([1, 0, 300, 0]), 2)
    tensor([False,  True, False,  True])
    >>> allocate("eggs", torch.zeros(5, dtype=torch.uint8), torch.tensor([2, 0]), by=torch.tensor([0, 0, 1, 1, -1]))
    tensor([ True,  True, False, False, False])
    """
    priority = numbers(f"the priorities of allocation {name!r}", priority)
    if priority.is_floating_point():
        raise ValueError(f"the priorities of allocation {name!r} are floats: give integer classes, 0 for the best.")
    if not 1 <= priority.shape[-1] <= MOST:
        raise ValueError(f"allocation {name!r} is among {priority.shape[-1]} agents: give 1 to 2**31 - 1.")
    if priority.dtype == torch.bool:
        priority = priority.to(torch.uint8)
    if isinstance(supply, int):
        supply = max(-1, min(supply, 2**62))  # it may be beyond 64 bits
    given = numbers(f"the supply of allocation {name!r}", supply).to(priority.device)
    group = None if by is None else _groups(name, priority, by)
    if given.shape[-1] != 1 and group is None:
        raise ValueError(
            f"the supply of allocation {name!r} has shape {tuple(given.shape)}: give one number a row, [*dims, 1], or "
            "whose stock serves each agent (by=)."
        )
    if given.shape[-1] == 0:
        raise ValueError(f"the supply of allocation {name!r} has no stock: give one a group, [*dims, groups].")
    shapes = [priority.shape, torch.Size([*given.shape[:-1], 1]), *([] if group is None else [group.shape])]
    common_shape(f"priorities and supply of allocation {name!r}", *shapes)
    served: torch.Tensor = _allocate(name, priority, given, group)
    return served


def _groups(name: str, priority: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    group = numbers(f"the groups of allocation {name!r}", by).to(priority.device)
    if group.is_floating_point() or group.dtype == torch.bool:
        raise ValueError(f"allocation {name!r} is by groups of {group.dtype}: give integers from 0, and -1 for none.")
    if group.shape[-1] != priority.shape[-1]:
        raise ValueError(
            f"allocation {name!r} is among {priority.shape[-1]} agents by groups of shape {tuple(group.shape)}: give "
            "one group an agent."
        )
    return group


def checked_supply(
    name: str, priority: torch.Tensor, supply: torch.Tensor, by: torch.Tensor | None = None
) -> torch.Tensor:
    """The supply from 0 to the number of agents, int64 `[*dims, 1 or groups]`; who answers an allocation calls it.

    Raises:
        ValueError: a class below 0, a supply that is NaN or a fraction; with groups, a supply below 0, and groups that
            have none.
    """
    if priority.dtype != torch.uint8 and priority.numel() and int(priority.min()) < 0:
        raise ValueError(f"allocation {name!r} has a class below 0: classes are 0 (best) to {CLASSES - 1}.")
    if by is not None:
        check_stocks(name, supply, supply.shape[-1], by)
    return whole_supply(name, priority.shape[-1], supply)


def check_stocks(name: str, supply: torch.Tensor | None, stocks: int, by: torch.Tensor) -> None:
    """Raises ValueError for groups without a stock, and for stocks below 0 where the supply is public."""
    low, high = (int(end) for end in torch.aminmax(by))
    if low < -1:
        raise ValueError(f"allocation {name!r} is by groups from {low}: number them from 0, and give -1 for none.")
    if high >= stocks:
        raise ValueError(
            f"allocation {name!r} has {stocks} stocks and an agent of group {high}: give one stock a group, "
            f"[*dims, {high + 1}], and number groups from 0."
        )
    if supply is not None and bool((short := supply < 0).any()):
        raise ValueError(
            f"a stock of allocation {name!r} is {supply[short][0].item():g}: give whole numbers from 0, one a group."
        )
    fits_in_memory(f"the {stocks} stocks of allocation {name!r}", 8.0 * CLASSES * stocks)


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
