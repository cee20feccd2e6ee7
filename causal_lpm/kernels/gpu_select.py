"""Who is served, in Triton: a radix selection that stores nothing of the size of the population but its answer.

The order in which agents are served is that of a number with five digits: class, high and low half of the noise, high
and low half of the agent's number. A pass counts one digit among the agents whose earlier digits stand on the cut so
far, and the cut moves to the first digit that the supply does not serve whole. Torch's passes would need some eighty
bytes an agent for digits and masks; here the noise is hashed again in every pass, where the cut runs.
"""

from __future__ import annotations

import math

import torch
import triton.language as tl
from torch import Tensor

from causal_lpm.kernels import reference
from causal_lpm.kernels.gpu_launch import kernel, keys_of, launch, place, rows_of
from causal_lpm.kernels.gpu_noise import bits, exponential, uniform

__all__ = ["select", "select_by"]

_DIGITS = 5
_HALF = 1 << 16  # values of every digit but the class


@kernel
def _order(
    by: tl.tensor, row: tl.tensor, i: tl.tensor, agents: tl.tensor, mask: tl.tensor, BY_KEY: tl.constexpr
) -> tl.tensor:
    """Noise as an integer 0 ... 2**32 - 1 of the same order."""
    if BY_KEY:
        value = exponential(uniform(bits(tl.load(by + row).to(tl.uint64), i))).to(tl.float32)
    else:
        value = tl.load(by + row * agents + i, mask=mask, other=0.0)
    order = (value + 0.0).to(tl.int32, bitcast=True).to(tl.int64)  # + 0: there is one zero
    return tl.where(order < 0, order ^ 0x7FFFFFFF, order) + 2147483648


@kernel
def _digit(order: tl.tensor, i: tl.tensor, DIGIT: tl.constexpr) -> tl.tensor:
    if DIGIT == 1:
        value = order >> 16
    elif DIGIT == 2:
        value = order & 0xFFFF
    elif DIGIT == 3:
        value = i >> 16
    else:
        value = i & 0xFFFF
    return value


@kernel
def _count(
    count: tl.tensor, priority: tl.tensor, by: tl.tensor, cut: tl.tensor, rows_p: tl.tensor, rows_by: tl.tensor,
    classes: tl.int64, agents: tl.int64, blocks: tl.int64,
    BLOCK: tl.constexpr, BY_KEY: tl.constexpr, DIGIT: tl.constexpr,
) -> None:  # fmt: skip
    """How often each value of one digit occurs on the cut, int64 `[rows, values]`; `cut` is `[digits, rows]`."""
    row, i = place(blocks, BLOCK)
    rows = tl.num_programs(0) // blocks
    p = tl.load(priority + tl.load(rows_p + row) * agents + i, mask=i < agents, other=-1).to(tl.int64)
    if DIGIT == 0:
        tl.atomic_add(count + row * classes + p, 1, mask=(i < agents) & (p >= 0) & (p < classes), sem="relaxed")
    else:
        on_cut = (i < agents) & (p == tl.load(cut + row)) & (p < classes)
        if tl.max(on_cut.to(tl.int32), 0) > 0:
            order = _order(by, tl.load(rows_by + row), i, agents, on_cut, BY_KEY)
            for earlier in tl.static_range(1, DIGIT):
                on_cut = on_cut & (_digit(order, i, earlier) == tl.load(cut + earlier * rows + row))
            tl.atomic_add(count + row * 65536 + _digit(order, i, DIGIT), 1, mask=on_cut, sem="relaxed")


@kernel
def _served(
    out: tl.tensor, priority: tl.tensor, by: tl.tensor, cut: tl.tensor, rows_p: tl.tensor, rows_by: tl.tensor,
    classes: tl.int64, agents: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr, BY_KEY: tl.constexpr,
) -> None:  # fmt: skip
    """Who comes before the cut."""
    row, i = place(blocks, BLOCK)
    rows = tl.num_programs(0) // blocks
    p = tl.load(priority + tl.load(rows_p + row) * agents + i, mask=i < agents, other=-1).to(tl.int64)
    first = tl.load(cut + row)
    before = (p >= 0) & (p < first)
    on_cut = (i < agents) & (p == first) & (p < classes)
    if tl.max(on_cut.to(tl.int32), 0) > 0:
        order = _order(by, tl.load(rows_by + row), i, agents, on_cut, BY_KEY)
        for later in tl.static_range(1, 5):
            limit = tl.load(cut + later * rows + row)
            before = before | (on_cut & (_digit(order, i, later) < limit))
            on_cut = on_cut & (_digit(order, i, later) == limit)
    tl.store(out + row * agents + i, before, mask=i < agents)


def select(priority: Tensor, key: Tensor, supply: Tensor, classes: int, group: Tensor | None = None) -> Tensor:
    """See `causal_lpm.kernels.select`; that of groups is torch's."""
    if group is not None:
        return reference.select(priority, key, supply, classes, group)
    lead = torch.broadcast_shapes(priority.shape[:-1], key.shape[:-1], supply.shape[:-1])
    return _select(priority, *keys_of(key, lead), supply, classes, lead, by_key=True)


def select_by(priority: Tensor, noise: Tensor, supply: Tensor, classes: int, group: Tensor | None = None) -> Tensor:
    """See `causal_lpm.kernels.select_by`; that of groups is torch's."""
    if group is not None:
        return reference.select_by(priority, noise, supply, classes, group)
    lead = torch.broadcast_shapes(priority.shape[:-1], noise.shape[:-1], supply.shape[:-1])
    return _select(priority, *rows_of(noise, lead, torch.float32), supply, classes, lead, by_key=False)


def _select(
    priority: Tensor, by: Tensor, rows_by: Tensor, supply: Tensor, classes: int, lead: torch.Size, by_key: bool
) -> Tensor:
    agents, rows, device = priority.shape[-1], math.prod(lead), priority.device
    p, rows_p = rows_of(priority, lead)
    left = supply.to(device).long().clamp(min=0).expand(*lead, 1).reshape(rows, 1)
    cut = torch.zeros((_DIGITS, rows), dtype=torch.int64, device=device)
    args = p, by, cut, rows_p, rows_by, classes, agents
    for digit in range(_DIGITS):
        count = torch.zeros((rows, _HALF if digit else classes), dtype=torch.int64, device=device)
        launch(_count, agents, rows, count, *args, BY_KEY=by_key, DIGIT=digit)
        total = count.cumsum(-1)
        fits = (total <= left).sum(-1, keepdim=True)
        left = left - torch.where(fits > 0, total.gather(-1, (fits - 1).clamp(min=0)), 0)
        cut[digit] = fits[:, 0]
    out = torch.empty((*lead, agents), dtype=torch.bool, device=device)
    launch(_served, agents, rows, out, *args, BY_KEY=by_key)
    return out
