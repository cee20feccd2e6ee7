"""The kernels in torch: short enough to be checked by eye, for any device and any leading dimensions.

Every other implementation must give the same integers. Dimensions left of the agents broadcast; a key `[*draws, 1]`
that differs by row gives each row its own noise or its own graph.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from causal_lpm.kernels.hashing import bits, mix, permutation, shift_right, uniform
from causal_lpm.kernels.normal import standard_normal

ONE = 1 << 32
"""Probabilities of edges are multiples of 2**-32, compared with 32 bits of a hash."""
BAD_HAZARD = "a hazard is negative or NaN"
STRIDE = 1 << 31
"""Distance between the hash indices of neighbouring ring members: room for any number of edges a member."""


def noise_of(words: Tensor, kind: str) -> Tensor:
    """Raw bits as float32 noise, computed in float64 and rounded once."""
    if kind == "normal":
        return standard_normal(words).float()
    u = uniform(words)
    if kind == "uniform":
        return u.float()
    e = -torch.log1p(-u)
    return (-e.log() if kind == "gumbel" else e).float()


def sums_of(x: Tensor) -> Tensor:
    """Messages in the type of their sums: int32 for bool, else int64."""
    return x.int() if x.dtype == torch.bool else x.long()


def field(key: Tensor, agents: int, kind: str, slots: int | None = None) -> Tensor:
    """See `causal_lpm.kernels.field`."""
    index = torch.arange(agents * (slots or 1), device=key.device)
    words = bits(key.reshape(*key.shape[:-1], 1), index)
    if slots is not None:
        words = words.reshape(*words.shape[:-1], agents, slots)
    return words if kind == "bits" else noise_of(words, kind)


def field_at(seed_name: Tensor, index: Tensor, kind: str, first: int = 0) -> Tensor:
    """See `causal_lpm.kernels.field_at`."""
    key = mix(bits(seed_name, index.long()))
    words = bits(key, torch.arange(first, first + index.shape[-1], device=index.device))
    return words if kind == "bits" else noise_of(words, kind)


def check_hazard(hazard: Tensor) -> None:
    """Raises ValueError when a hazard is negative or NaN."""
    if hazard.numel() and not bool(hazard.min() >= 0):
        raise ValueError(BAD_HAZARD)


def happens(hazard: Tensor, key: Tensor, where: Tensor | None = None, check: bool = False) -> Tensor:
    """See `causal_lpm.kernels.happens`."""
    if check:
        check_hazard(hazard)
    rate = hazard.float() if where is None else torch.where(where, hazard.float(), 0.0)
    return field(key, rate.shape[-1], "exponential") < rate


def select(priority: Tensor, key: Tensor, supply: Tensor, classes: int, group: Tensor | None = None) -> Tensor:
    """See `causal_lpm.kernels.select`."""
    return select_by(priority, field(key, priority.shape[-1], "exponential"), supply, classes, group)


def select_by(
    priority: Tensor,
    noise: Tensor,
    supply: Tensor,
    classes: int,
    group: Tensor | None = None,
    first: int = 0,
    total: int | None = None,
    summed: Callable[[Tensor], Tensor] = lambda counts: counts,
) -> Tensor:
    """See `causal_lpm.kernels.select_by`; also among several ranges of agents, each with its own call.

    Args:
        priority: As there, of this range.
        noise: As there, of this range.
        supply: As there, for all ranges.
        classes: As there.
        group: As there, of this range.
        first: Number of the first agent of this range.
        total: Number of agents in all ranges; by default they are all here.
        summed: Makes int64 counts of all ranges from those of this one.
    """
    order = (noise.float() + 0.0).contiguous().view(torch.int32).long()  # + 0.0: there is one zero
    # Floats order like their bits, except that negative ones run backwards; shift all to 0 ... 2**32 - 1.
    order = torch.where(order < 0, order ^ 0x7FFFFFFF, order) + (1 << 31)
    priority = priority.long()
    group = torch.zeros(1, dtype=torch.long, device=order.device) if group is None else group.long()
    groups = supply.shape[-1]
    shape = np.broadcast_shapes(priority.shape, order.shape, (*supply.shape[:-1], 1), group.shape)
    priority, order, group = priority.expand(shape), order.expand(shape), group.expand(shape)
    pool = (priority >= 0) & (priority < classes) & (group >= 0)
    group = group.clamp(min=0)
    left = supply.long().clamp(min=0).expand(*shape[:-1], groups)
    served = torch.zeros(shape, dtype=torch.bool, device=priority.device)
    number = torch.arange(first, first + shape[-1], device=order.device).expand(shape)  # decides where noise is equal
    digits = [(priority.clamp(0, classes - 1), classes)]
    width = 16 if groups == 1 else 8  # counts are kept of every value of a digit and every group
    for value, last in ((order, 1 << 32), (number, total or shape[-1])):
        places = range(0, max(1, (last - 1).bit_length()), width)
        digits += [((value >> place) & ((1 << width) - 1), 1 << width) for place in reversed(places)]
    for digit, base in digits:  # serve the buckets that fit whole, go on inside the first one that does not
        count = torch.zeros((*shape[:-1], groups * base), dtype=torch.long, device=digit.device)
        count = summed(count.scatter_add_(-1, group * base + digit, pool.long()))
        upto = count.unflatten(-1, (groups, base)).cumsum(-1)
        cut = (upto <= left[..., None]).sum(-1)
        own = cut.gather(-1, group)
        served |= pool & (digit < own)
        fits = upto.gather(-1, (cut - 1).clamp(min=0)[..., None])[..., 0]
        left = left - torch.where(cut > 0, fits, 0)
        pool = pool & (digit == own)
    return served


def group_sum(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """See `causal_lpm.kernels.group_sum`."""
    x = sums_of(x)
    # One group more, for those in none.
    return x.new_zeros((*x.shape[:-1], groups + 1)).index_add_(-1, group.clamp(min=-1).long() + 1, x)[..., 1:]


def group_total(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """See `causal_lpm.kernels.group_total`."""
    x = sums_of(x)
    index = torch.where(group < 0, groups, group).long()  # one group more, for those in none
    total = x.new_zeros((*x.shape[:-1], groups + 1)).index_add_(-1, index, x)
    return torch.where(group < 0, 0, total[..., index] - x)


def graph_total(x: Tensor, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """See `causal_lpm.kernels.graph_total`."""
    x, agents = sums_of(x), indptr.shape[0] - 1
    owner = torch.repeat_interleave(torch.arange(agents, device=x.device), indptr.diff())
    return x.new_zeros((*x.shape[:-1], agents)).index_add_(-1, owner, x[..., neighbours.long()])


def graph_change(total: Tensor, before: Tensor, x: Tensor, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """See `causal_lpm.kernels.graph_change`."""
    return total.add_(graph_total(sums_of(x) - sums_of(before), indptr, neighbours))


def ring_total(
    x: Tensor, key: Tensor, order: Tensor, start: Tensor, size: Tensor, half_degree: Tensor, rewire: float
) -> Tensor:
    """See `causal_lpm.kernels.ring_total`."""
    src, dst, exists = ring_edges(key, order, start, size, half_degree, rewire)
    return _over_edges(x, src, dst, exists)


def stub_total(x: Tensor, key: Tensor, owner: Tensor, first: Tensor, chain: bool) -> Tensor:
    """See `causal_lpm.kernels.stub_total`; `first` is a shortcut for other implementations."""
    src, dst = stub_edges(key, owner, chain)
    return _over_edges(x, src, dst, src != dst)


def _over_edges(x: Tensor, src: Tensor, dst: Tensor, exists: Tensor) -> Tensor:
    """Both ends of each edge `[*draws, edges]` receive the other's x `[*dims, agents]`."""
    x = sums_of(x)
    lead = np.broadcast_shapes(x.shape[:-1], src.shape[:-1])
    edges = (*lead, src.shape[-1])
    x, src, dst = x.expand(*lead, x.shape[-1]), src.expand(edges), dst.expand(edges)
    out = torch.zeros(x.shape, dtype=x.dtype, device=x.device)
    out.scatter_add_(-1, dst, x.gather(-1, src) * exists)
    return out.scatter_add_(-1, src, x.gather(-1, dst) * exists)


def ring_plan(size: Tensor, half_degree: Tensor) -> tuple[Tensor, Tensor]:
    """Sure forward edges of a member, and the probability of one more in units of 2**-32; int64 `[classes]`."""
    half = torch.minimum(half_degree.double(), (size.double() - 1) / 2).clamp(min=0)
    sure = half.floor()
    return sure.long(), ((half - sure) * ONE).round().long()


def ring_edges(
    key: Tensor, order: Tensor, start: Tensor, size: Tensor, half_degree: Tensor, rewire: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The edges behind `ring_total`: (one end, other end, exists), each `[*draws, possible edges]`."""
    sure, chance = ring_plan(size, half_degree)
    reach = sure + (chance > 0)
    possible = torch.repeat_interleave(reach, size)  # forward edges of each ring member
    member = torch.repeat_interleave(torch.arange(order.shape[0], device=order.device), possible)
    step = torch.arange(member.shape[0], device=order.device) - (possible.cumsum(0) - possible)[member] + 1
    ring = torch.repeat_interleave(torch.arange(size.shape[0], device=order.device), size * reach)
    begin, length = start[ring], size[ring]

    words = bits(key, member * STRIDE + step)
    rewired = shift_right(words, 32) < round(rewire * ONE)
    exists = (step <= sure[ring]) | ((words & (ONE - 1)) < chance[ring])
    # Rewired: to anybody outside the lattice neighbourhood, counted from just behind it; kept if nobody is there.
    outside = length - 2 * reach[ring] - 1
    target = reach[ring] + 1 + (uniform(mix(words + 1)) * outside.clamp(min=0)).long()
    move = torch.where(rewired & (outside > 0), target, step)
    other = begin + (member - begin + move) % length
    agents = order.long()
    return agents[member].expand(other.shape), agents[other], exists


def stub_edges(key: Tensor, owner: Tensor, chain: bool) -> tuple[Tensor, Tensor]:
    """The edges behind `stub_total`, loops included: two ends, each `[*draws, edges]`."""
    stubs = owner.shape[0]
    sequence = owner.long()[permutation(key, torch.arange(stubs, device=owner.device), stubs)]
    if chain:
        return sequence[..., :-1], sequence[..., 1:]
    paired = stubs // 2 * 2
    return sequence[..., 0:paired:2], sequence[..., 1:paired:2]
