"""Who is served when supply is short, and nobody may see who asks."""

from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.arithmetic import and_, multiply, number, or_, subtract
from causal_lpm.handlers.private.errors import Unsupported
from causal_lpm.handlers.private.numbers import is_secret, made
from causal_lpm.handlers.private.order import at_most, below, clamped, equal
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.shapes import converted, summed
from causal_lpm.ops.allocate import check_stocks

__all__ = ["allocated", "allocated_by_group"]


def allocated(priority: Secret, order: Tensor, supply: Tensor, classes: int) -> Secret:
    """As `allocate`: the classes are counted, the last one that is served is found, and its agents are cut off.

    Args:
        priority: `[*dims, agents]`, 0 is served first, `classes` or more does not ask.
        order: int64 `[*replicates, agents]`: the agents as they are served within a class, public.
        supply: Whole numbers, `[*dims, 1]`, secret or public; below 0 is 0.
        classes: How many there are.
    """
    layer, agents = priority.layer, priority.shape[-1]
    asked = priority.within(0, priority.high)
    if asked.high > classes:  # beyond all classes nobody asks, however far
        asked = clamped(asked, max=classes).within(0, classes)
    if is_secret(supply):
        supply = converted(supply, dtype=torch.int64)
        supply = clamped(supply, min=0).within(0, supply.high) if supply.low < 0 else supply
    # Counts are known modulo 2**32 where that is enough to compare them with the supply.
    words = 32 if not is_secret(supply) or max(supply.high, agents) < 2**30 else 64
    counts = layer.units(asked.share, max(1, asked.high.bit_length()), words).long().sum(-2)[..., :classes]

    def bounded(x: Any, high: int) -> Secret:
        return made(x.share if is_secret(x) else x, layer, torch.int64, 0, 0, high)

    count, until = bounded(counts, agents), bounded(counts.cumsum(-1), agents)
    full = number(at_most(until, supply))  # whether a class is served whole
    last = bounded(summed(full, -1, keepdim=True), classes)  # the class after those
    before = torch.cat([full[..., :1] * 0 + 1, full[..., :-1]], -1)
    # What is left for it, the supply less those before it; nothing where all classes are served whole.
    rest = multiply(bounded(subtract(before, full), 1), subtract(supply, subtract(until, count)))
    left = bounded(summed(rest, -1, keepdim=True), agents)
    ahead, tied = below(asked, last), equal(asked, last)
    queued = _in(order, tied.share).cumsum(-1)
    place = bounded(_in(order.argsort(-1), queued), agents)
    return or_(ahead, and_(tied, at_most(place, left)))


def allocated_by_group(
    name: str, priority: Secret, noise: Tensor, supply: Tensor, given: Tensor, by: Tensor, classes: int
) -> Tensor:
    """As `allocate` with a stock a group: one group after another, each among its own members, who are public.

    Args:
        name: Of the allocation, for messages.
        priority: As in `allocated`.
        noise: `[*replicates, agents]`, public.
        supply: Whole numbers, `[*dims, groups]`, secret or public.
        given: The same as the model gave it, for the check.
        by: Group of each agent, integers `[agents]`.
        classes: How many there are.

    Raises:
        Unsupported: groups that are secret, or differ by row.
        ValueError: groups without a stock, a public stock below 0.
    """
    if is_secret(by) or by.dim() != 1:
        raise Unsupported(
            f"allocation {name!r} is by groups that are secret or differ by row: give public ones, [agents]."
        )
    check_stocks(name, None if is_secret(given) else given, supply.shape[-1], by)
    nobody = (by < 0).nonzero()[:, 0]
    members, served = [nobody], [priority[..., nobody] < 0]
    for group in range(supply.shape[-1]):
        mine = (by == group).nonzero()[:, 0]
        if len(mine):
            own: Any = priority[..., mine]
            order = noise[..., mine].argsort(dim=-1, stable=True)
            members.append(mine)
            served.append(allocated(own, order, supply[..., group : group + 1], classes))
    return torch.cat(served, -1)[..., torch.cat(members).argsort()]


def _in(order: Tensor, x: Tensor) -> Tensor:
    return x[..., order] if order.dim() == 1 else x.gather(-1, order.expand(x.shape))
