"""The few loops that take the time: noise, tests against noise, and sums over contacts.

`dispatch` decides which implementation runs: compiled loops for CPU tensors when numba is installed (the extra `fast`),
Triton for CUDA tensors (the extra `gpu`), else torch. All give the same integers, however tensors lie in memory.
`library` makes them operators of torch, with gradients of the sums. Arguments are not checked here: `causal_lpm.ops`
and `causal_lpm.agents.networks` do that once, before a run. Sums of int64 that do not fit are refused all the same.
"""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from causal_lpm.kernels import reference as reference
from causal_lpm.kernels.dispatch import implementation, use
from causal_lpm.kernels.elementwise import nobody_else
from causal_lpm.kernels.library import operators as _ops
from causal_lpm.kernels.reference import ring_edges, stub_edges
from causal_lpm.typing import NoiseKind
from causal_lpm.validate import known

__all__ = [
    "field",
    "field_at",
    "graph_change",
    "graph_total",
    "group_sum",
    "group_total",
    "happens",
    "ring_edges",
    "ring_total",
    "select",
    "select_by",
    "stub_edges",
    "stub_total",
    "use",
]

_for = implementation


def field(key: Tensor, agents: int, kind: str, slots: int | None = None) -> Tensor:
    """The noise of all agents under a key.

    Args:
        key: int64 `[*draws, 1]` or `[]`, see `hashing.stream`.
        agents: number of agents.
        kind: `"exponential"` (mean 1), `"uniform"` in (0, 1], `"gumbel"`, `"normal"`, or `"bits"`.
        slots: values an agent; element agent * slots + slot of the key's sequence.

    Returns:
        float32 (int64 for bits) `[*draws, agents]`, or `[*draws, agents, slots]` when slots are given.

    Raises:
        ValueError: an unknown kind.

    >>> import torch
    >>> field(torch.tensor([7]), 3, "exponential", slots=2).shape
    torch.Size([3, 2])
    """
    known("kind of noise", kind, get_args(NoiseKind))
    noise: Tensor = _ops.field.default(key, agents, kind, slots)
    return noise


def field_at(seed_name: Tensor, index: Tensor, kind: str, first: int = 0) -> Tensor:
    """The noise of each agent at a number of its own, such as that of its infection, whatever the day.

    Args:
        seed_name: mix(seed + word(name)), int64 `[*draws, 1]` or `[]`.
        index: integers `[*dims, agents]`.
        kind: as in `field`.
        first: number of the first agent.

    Returns:
        float32 (int64 for bits) of the broadcast shape: element first + i of the stream with counter index_i.

    Raises:
        ValueError: an unknown kind.

    >>> import torch
    >>> field_at(torch.tensor([7]), torch.tensor([0, 0, 1]), "uniform").shape
    torch.Size([3])
    """
    known("kind of noise", kind, get_args(NoiseKind))
    noise: Tensor = _ops.field_at.default(seed_name.to(index.device), index, kind, first)
    return noise


def happens(hazard: Tensor, key: Tensor, where: Tensor | None = None, check: bool = False) -> Tensor:
    """Whether an event with this integrated hazard happens: exponential noise below the hazard.

    Args:
        hazard: float32 `[*dims, agents]`, dimensionless (rate times step); other floats are rounded to float32.
        key: int64 `[*draws, 1]` or `[]`.
        where: bool `[*dims, agents]`, or None for everybody: whom it can happen to.
        check: refuse hazards that are negative or NaN; otherwise nothing happens there.

    Returns:
        bool of the broadcast shape, exactly `where & (field(key, agents, "exponential") < hazard)`.

    Raises:
        ValueError: a hazard that is negative or NaN, if asked for.

    >>> import torch
    >>> happens(torch.tensor([0.0, torch.inf]), torch.tensor([7]))
    tensor([False,  True])
    """
    key = key if key.device == hazard.device else key.to(hazard.device)
    plain = type(hazard) is Tensor and not hazard.requires_grad and (where is None or type(where) is Tensor)
    if plain and type(key) is Tensor and nobody_else():  # on the short way: torch's takes ten microseconds
        happened: Tensor = _for(hazard).happens(hazard, key, where, check)
        return happened
    result: Tensor = _ops.happens.default(hazard, key, where, check)
    return result


def select(priority: Tensor, key: Tensor, supply: Tensor, classes: int, group: Tensor | None = None) -> Tensor:
    """Who is served: best class first, then the smallest exponential noise under the key, then the agent number.

    Args:
        priority: integers `[*dims, agents]`, 0 is served first; below 0 or from `classes` on: not asking.
        key: int64 `[*draws, 1]` or `[]`.
        supply: int64 `[*dims, 1]`, or `[*dims, groups]`; below 0 counts as 0.
        classes: number of classes.
        group: integers `[*dims, agents]`, whose stock serves each agent; below 0: none. By default all have one stock.

    Returns:
        bool of the broadcast shape.

    >>> import torch
    >>> select(torch.tensor([1, 0, 2]), torch.tensor([7]), torch.tensor([1]), classes=2)
    tensor([False,  True, False])
    """
    result: Tensor = _ops.select.default(priority, key.to(priority.device), supply, classes, group)
    return result


def select_by(priority: Tensor, noise: Tensor, supply: Tensor, classes: int, group: Tensor | None = None) -> Tensor:
    """Like `select`, with the noise itself, float32 `[*draws, agents]`, smallest first.

    >>> import torch
    >>> select_by(torch.tensor([0, 0, 2]), torch.tensor([0.9, 0.1, 0.5]), torch.tensor([1]), classes=2)
    tensor([False,  True, False])
    """
    result: Tensor = _ops.select_by.default(priority, noise, supply, classes, group)
    return result


def group_total(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """The sum of x over the others in each agent's group.

    Args:
        x: bool, int64 or floats `[*dims, agents]`; gradients flow to floats.
        group: int32 `[agents]`, 0 to groups - 1; below 0: in no group.
        groups: number of groups.

    Returns:
        int64 (int32 for bool, floats for floats) `[*dims, agents]`; 0 in no group.

    >>> import torch
    >>> group_total(torch.tensor([1, 2, 4]), torch.tensor([0, 0, -1]), 1)
    tensor([2, 1, 0])
    """
    total: Tensor = _ops.group_total.default(x, group, groups)
    return total


def group_sum(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """The sum of x over each group.

    Args:
        x: bool, int64 or floats `[*dims, agents]`; gradients flow to floats.
        group: int32 `[agents]`, 0 to groups - 1; below 0: in no group.
        groups: number of groups.

    Returns:
        int64 (int32 for bool, floats for floats) `[*dims, groups]`.

    >>> import torch
    >>> group_sum(torch.tensor([1, 2, 4]), torch.tensor([0, 0, -1]).int(), 2)
    tensor([3, 0])
    """
    short = x.dtype == torch.bool and type(x) is type(group) is Tensor and nobody_else()  # the way of an event
    total: Tensor = _for(x).group_sum(x, group, groups) if short else _ops.group_sum.default(x, group, groups)
    return total


def graph_total(x: Tensor, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """The sum of x over each agent's neighbours in a fixed symmetric graph.

    `indptr` may have the rows of some agents only, with neighbours numbered among all: then the sums are those of these
    agents, without gradients.

    Args:
        x: bool, int64 or floats `[*dims, agents]`; gradients flow to floats.
        indptr: int64 `[agents + 1]`, where each agent's neighbours begin.
        neighbours: int32 `[2 * edges]`; every edge stands at both of its ends.

    Returns:
        int64 (int32 for bool, floats for floats) `[*dims, agents]`; repeated edges count as often as they occur.

    >>> import torch
    >>> graph_total(torch.tensor([1, 2, 4]), torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0]))
    tensor([2, 1, 0])
    """
    total: Tensor = _ops.graph_total.default(x, indptr, neighbours)
    return total


def graph_change(total: Tensor, before: Tensor, x: Tensor, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """Brings `total`, which is `graph_total(before)`, up to date with x, in place, by following what changed.

    Args:
        total: int32 (bool messages) or int64 `[*dims, agents]`, or a smaller type that holds all of these sums.
        before: bool or int64, of the same shape.
        x: as `before`.
        indptr: as in `graph_total`.
        neighbours: as in `graph_total`.

    Returns:
        `total`, now exactly `graph_total(x)`.

    >>> import torch
    >>> graph = torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0])
    >>> graph_change(torch.tensor([2, 1, 0]), torch.tensor([1, 2, 4]), torch.tensor([1, 3, 4]), *graph)
    tensor([3, 1, 0])
    """
    in_a_row = total.contiguous()  # itself, if it is
    if type(x) is type(total) is type(before) is Tensor and nobody_else():  # on the short way, as an event
        _for(x).graph_change(in_a_row, before, x, indptr, neighbours)
    else:
        _ops.graph_change.default(in_a_row, before, x, indptr, neighbours)
    return total if in_a_row is total else total.copy_(in_a_row)


def ring_total(
    x: Tensor, key: Tensor, order: Tensor, start: Tensor, size: Tensor, half_degree: Tensor, rewire: float
) -> Tensor:
    """The sum of x over neighbours in a Watts-Strogatz graph that is drawn afresh from the key and never stored.

    The member at position p of its class's ring has forward edges to p + 1 ... p + floor(h), and one to
    p + floor(h) + 1 with probability h - floor(h). Each is rewired with probability `rewire` to a target uniform over
    the class outside [p - ceil(h), p + ceil(h)], and kept if nobody is there. Edge j of the m-th entry of `order` comes
    from w = bits(key, m * 2**31 + j): its high 32 bits decide on rewiring, its low 32 on existence, mix(w + 1) on the
    target.

    Args:
        x: bool, int64 or floats `[*dims, agents]`; gradients flow to floats.
        key: int64 `[*draws, 1]` or `[]`.
        order: int32 `[members]`, agents sorted by class, in ring order within their class.
        start: int64 `[classes]`, where each class begins in `order`.
        size: int64 `[classes]`.
        half_degree: float32 `[classes]`, forward edges a member, at most (size - 1) / 2 (larger values are cut).
        rewire: probability; probabilities are rounded to multiples of 2**-32.

    Returns:
        int64 (int32 for bool, floats for floats) of the broadcast shape; both ends of an edge receive, two rewired
        edges may coincide and then count twice, agents in no class get 0.

    Source: Watts and Strogatz (1998), Collective dynamics of small-world networks, Nature 393.

    >>> import torch
    >>> one = torch.ones(1, dtype=torch.int64)
    >>> ring_total(torch.tensor([1, 2, 4, 8]), one, torch.arange(4), 0 * one, 4 * one, one.float(), 0.0)
    tensor([10,  5, 10,  5])
    """
    total: Tensor = _ops.ring_total.default(x, key, order, start, size, half_degree, rewire)
    return total


def stub_total(x: Tensor, key: Tensor, owner: Tensor, first: Tensor, chain: bool) -> Tensor:
    """The sum of x over neighbours in a random graph with given numbers of stubs, drawn afresh from the key.

    A keyed permutation puts all stubs in one sequence. Every two consecutive ones are an edge (`chain`), or only the
    entries 2k and 2k + 1 (the configuration model; of an odd number the last one stays free).

    Args:
        x: bool, int64 or floats `[*dims, agents]`; gradients flow to floats.
        key: int64 `[*draws, 1]` or `[]`.
        owner: int32 `[stubs]`, the agent of each stub, ascending.
        first: int64 `[agents + 1]`, where each agent's stubs begin.
        chain: see above; about twice the edges of the pairing.

    Returns:
        int64 (int32 for bool, floats for floats) of the broadcast shape; loops contribute nothing, repeated edges count
        as often as they occur.

    Source: Bollobas (1980), A probabilistic proof of an asymptotic formula for the number of labelled regular graphs.

    >>> import torch
    >>> owner, first = torch.tensor([0, 1]), torch.tensor([0, 1, 2, 2])
    >>> stub_total(torch.tensor([1, 2, 4]), torch.tensor([7]), owner, first, chain=False)
    tensor([2, 1, 0])
    """
    total: Tensor = _ops.stub_total.default(x, key, owner, first, chain)
    return total
