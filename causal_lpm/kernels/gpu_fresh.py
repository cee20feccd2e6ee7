"""Sums over graphs that are drawn afresh from a key, in Triton: every edge is hashed where it is used, none is stored.

Both ends of an edge receive by integer atomics, and only from an end that sends something.
"""

from __future__ import annotations

import math

import torch
import triton.language as tl
from torch import Tensor

from causal_lpm.kernels import hashing, reference
from causal_lpm.kernels.gpu_launch import kernel, keys_of, launch, place, rows_of, sum_type
from causal_lpm.kernels.gpu_noise import bits, mix, uniform

__all__ = ["ring_total", "stub_total"]

_BLOCK = 256


@kernel
def _class_of(member: tl.tensor, start: tl.tensor, classes: tl.int64, mask: tl.tensor) -> tl.tensor:
    """The last class that begins at or before each ring member, by bisection."""
    low = tl.zeros_like(member)
    high = low + classes
    while tl.max(high - low, 0) > 1:
        middle = (low + high) // 2
        later = tl.load(start + middle, mask=mask, other=0) <= member
        low, high = tl.where(later, middle, low), tl.where(later, high, middle)
    return low


@kernel
def _ring(
    out: tl.tensor, x: tl.tensor, key: tl.tensor, order: tl.tensor, start: tl.tensor, size: tl.tensor,
    sure: tl.tensor, chance: tl.tensor, rows_x: tl.tensor, rows_key: tl.tensor,
    rewire: tl.int64, classes: tl.int64, members: tl.int64, agents: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """A program has the forward edges of a block of ring members."""
    row, member = place(blocks, BLOCK)
    mask = member < members
    source, base = x + tl.load(rows_x + row) * agents, tl.load(key + tl.load(rows_key + row)).to(tl.uint64)
    ring = _class_of(member, start, classes, mask)
    begin, length = tl.load(start + ring, mask=mask, other=0), tl.load(size + ring, mask=mask, other=1)
    always, sometimes = tl.load(sure + ring, mask=mask, other=0), tl.load(chance + ring, mask=mask, other=0)
    reach = always + (sometimes > 0).to(tl.int64)
    outside = length - 2 * reach - 1
    limit = tl.where(outside > 0, rewire, 0).to(tl.uint64)
    agent = tl.load(order + member, mask=mask, other=0).to(tl.int64)
    sent = tl.load(source + agent, mask=mask, other=0).to(out.dtype.element_ty)
    received = tl.zeros((BLOCK,), out.dtype.element_ty)
    for step in range(1, tl.max(reach, 0) + 1):
        words = bits(base, member * 2147483648 + step)
        exists = (step <= always) | ((words & 0xFFFFFFFF).to(tl.int64) < sometimes)
        exists = exists & (step <= reach) & mask
        jump = reach + 1 + (uniform(mix(words + 1)) * outside.to(tl.float64)).to(tl.int64)
        other = member - begin + tl.where((words >> 32) < limit, jump, step)
        other = begin + tl.where(other >= length, other - length, other)
        contact = tl.load(order + other, mask=exists, other=0).to(tl.int64)
        received += tl.load(source + contact, mask=exists, other=0).to(out.dtype.element_ty)
        tl.atomic_add(out + row * agents + contact, sent, mask=exists & (sent != 0), sem="relaxed")
    tl.atomic_add(out + row * agents + agent, received, mask=mask & (received != 0), sem="relaxed")


@kernel
def _feistel(value: tl.tensor, base: tl.tensor, side: tl.tensor, ROUNDS: tl.constexpr) -> tl.tensor:
    left = value // side
    right = value - left * side
    for turn in tl.static_range(ROUNDS):
        own = mix(base + turn * 0x9E3779B97F4A7C15 % 0x10000000000000000)
        moved = left + (((bits(own, right) >> 32) * side) >> 32)
        left, right = right, tl.where(moved >= side, moved - side, moved)
    return left * side + right


@kernel
def _permuted(index: tl.tensor, base: tl.tensor, side: tl.tensor, stubs: tl.tensor, ROUNDS: tl.constexpr) -> tl.tensor:
    """`hashing.permutation`: those that leave the range walk on."""
    value = _feistel(index.to(tl.uint64), base, side, ROUNDS)
    while tl.max((value >= stubs).to(tl.int32), 0) > 0:
        value = tl.where(value >= stubs, _feistel(value, base, side, ROUNDS), value)
    return value


@kernel
def _stubs(
    out: tl.tensor, x: tl.tensor, key: tl.tensor, owner: tl.tensor, rows_x: tl.tensor, rows_key: tl.tensor,
    side: tl.int64, stubs: tl.int64, edges: tl.int64, agents: tl.int64, blocks: tl.int64,
    BLOCK: tl.constexpr, CHAIN: tl.constexpr, ROUNDS: tl.constexpr,
) -> None:  # fmt: skip
    """A program has a block of edges: neighbours in the sequence of stubs."""
    row, edge = place(blocks, BLOCK)
    mask = edge < edges
    source, base = x + tl.load(rows_x + row) * agents, tl.load(key + tl.load(rows_key + row)).to(tl.uint64)
    near = tl.where(mask, edge if CHAIN else 2 * edge, 0)  # from inside the range every walk returns
    width, size = side.to(tl.uint64), stubs.to(tl.uint64)
    a = tl.load(owner + _permuted(near, base, width, size, ROUNDS), mask=mask, other=0).to(tl.int64)
    far = tl.where(mask, near + 1, 0)
    b = tl.load(owner + _permuted(far, base, width, size, ROUNDS), mask=mask, other=0).to(tl.int64)
    from_a = tl.load(source + a, mask=a != b, other=0).to(out.dtype.element_ty)
    from_b = tl.load(source + b, mask=a != b, other=0).to(out.dtype.element_ty)
    tl.atomic_add(out + row * agents + b, from_a, mask=from_a != 0, sem="relaxed")
    tl.atomic_add(out + row * agents + a, from_b, mask=from_b != 0, sem="relaxed")


def ring_total(
    x: Tensor, key: Tensor, order: Tensor, start: Tensor, size: Tensor, half_degree: Tensor, rewire: float
) -> Tensor:
    """See `causal_lpm.kernels.ring_total`."""
    lead, agents = torch.broadcast_shapes(x.shape[:-1], key.shape[:-1]), x.shape[-1]
    plan = [part.contiguous() for part in (order, start, size, *reference.ring_plan(size, half_degree))]
    source, rows_x = rows_of(x, lead)
    keys, rows_key = keys_of(key, lead)
    out = torch.zeros((*lead, agents), dtype=sum_type(x), device=x.device)
    numbers = round(rewire * reference.ONE), size.shape[0], order.shape[0], agents
    launch(_ring, order.shape[0], math.prod(lead), out, source, keys, *plan, rows_x, rows_key, *numbers, block=_BLOCK)
    return out


def stub_total(x: Tensor, key: Tensor, owner: Tensor, first: Tensor, chain: bool) -> Tensor:
    """See `causal_lpm.kernels.stub_total`; `first` is not needed: all stubs are looked at."""
    lead, agents = torch.broadcast_shapes(x.shape[:-1], key.shape[:-1]), x.shape[-1]
    source, rows_x = rows_of(x, lead)
    keys, rows_key = keys_of(key, lead)
    out = torch.zeros((*lead, agents), dtype=sum_type(x), device=x.device)
    stubs = owner.shape[0]
    edges, side = (stubs - 1 if chain else stubs // 2), hashing.side(stubs)
    args = source, keys, owner.contiguous(), rows_x, rows_key, side, stubs, edges, agents
    fixed = {"CHAIN": bool(chain), "ROUNDS": hashing.rounds(side)}
    launch(_stubs, edges, math.prod(lead), out, *args, block=_BLOCK, **fixed)
    return out
