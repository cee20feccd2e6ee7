"""Sums over fixed contacts in Triton. Integer atomics: the same sum in any order, and nothing of the size of edges."""

from __future__ import annotations

import torch
import triton.language as tl
from torch import Tensor

from causal_lpm.kernels.gpu_launch import kernel, launch, place, sum_type

__all__ = ["graph_change", "graph_total", "group_sum", "group_total"]

_SPARSE = 3  # an atomic addition is taken to cost as much as three loads
_AGENTS, _LANES = 64, tl.constexpr(16)  # agents a program, and neighbours of each that are looked at side by side


@kernel
def _into_groups(
    total: tl.tensor, x: tl.tensor, group: tl.tensor,
    groups: tl.int64, agents: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    row, i = place(blocks, BLOCK)
    value = tl.load(x + row * agents + i, mask=i < agents, other=0).to(total.dtype.element_ty)
    mine = tl.load(group + i, mask=i < agents, other=-1).to(tl.int64)
    tl.atomic_add(total + row * groups + mine, value, mask=(mine >= 0) & (value != 0), sem="relaxed")


@kernel
def _from_groups(
    out: tl.tensor, x: tl.tensor, group: tl.tensor, total: tl.tensor,
    groups: tl.int64, agents: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    row, i = place(blocks, BLOCK)
    value = tl.load(x + row * agents + i, mask=i < agents, other=0).to(out.dtype.element_ty)
    mine = tl.load(group + i, mask=i < agents, other=-1).to(tl.int64)
    others = tl.load(total + row * groups + mine, mask=mine >= 0, other=0) - value
    tl.store(out + row * agents + i, tl.where(mine >= 0, others, 0), mask=i < agents)


@kernel
def _new(out: tl.tensor, x: tl.tensor, before: tl.tensor, at: tl.tensor, mask: tl.tensor) -> tl.tensor:
    """What agents send, less what they sent before, in the type of the sums."""
    value = tl.load(x + at, mask=mask, other=0).to(out.dtype.element_ty)
    if before is not None:
        value -= tl.load(before + at, mask=mask, other=0).to(out.dtype.element_ty)
    return value


@kernel
def _changed(
    edges: tl.tensor, out: tl.tensor, x: tl.tensor, before: tl.tensor, indptr: tl.tensor,
    agents: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Edges that begin at agents with something new to send, int64 `[rows]`."""
    row, i = place(blocks, BLOCK)
    sends = _new(out, x, before, row * agents + i, i < agents) != 0
    degree = tl.load(indptr + i + 1, mask=sends, other=0) - tl.load(indptr + i, mask=sends, other=0)
    tl.atomic_add(edges + row, tl.sum(degree, 0), sem="relaxed")


@kernel
def _push(
    out: tl.tensor, x: tl.tensor, before: tl.tensor, indptr: tl.tensor, neighbours: tl.tensor, edges: tl.tensor,
    most: tl.int64, agents: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    row, i = place(blocks, BLOCK)
    if tl.load(edges + row) <= most:
        value = _new(out, x, before, row * agents + i, i < agents)
        begin = tl.load(indptr + i, mask=value != 0, other=0)
        degree = tl.load(indptr + i + 1, mask=value != 0, other=0) - begin
        sent = tl.broadcast_to(value[:, None], (BLOCK, _LANES))
        for k in range(0, tl.max(degree, 0), _LANES):
            lane = k + tl.arange(0, _LANES)[None, :]
            there = lane < degree[:, None]
            neighbour = tl.load(neighbours + begin[:, None] + lane, mask=there, other=0).to(tl.int64)
            tl.atomic_add(out + row * agents + neighbour, sent, mask=there, sem="relaxed")


@kernel
def _pull(
    out: tl.tensor, x: tl.tensor, indptr: tl.tensor, neighbours: tl.tensor, edges: tl.tensor,
    most: tl.int64, senders: tl.int64, agents: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    row, i = place(blocks, BLOCK)
    if tl.load(edges + row) > most:
        begin = tl.load(indptr + i, mask=i < agents, other=0)
        degree = tl.load(indptr + i + 1, mask=i < agents, other=0) - begin
        total = tl.zeros((BLOCK,), out.dtype.element_ty)
        for k in range(0, tl.max(degree, 0), _LANES):
            lane = k + tl.arange(0, _LANES)[None, :]
            there = lane < degree[:, None]
            neighbour = tl.load(neighbours + begin[:, None] + lane, mask=there, other=0).to(tl.int64)
            sent = tl.load(x + row * senders + neighbour, mask=there, other=0).to(out.dtype.element_ty)
            total += tl.sum(sent, 1)
        tl.store(out + row * agents + i, total, mask=i < agents)


def group_sum(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """See `causal_lpm.kernels.group_sum`."""
    agents, rows = x.shape[-1], x.shape[:-1].numel()
    total = torch.zeros((rows, groups), dtype=sum_type(x), device=x.device)
    launch(_into_groups, agents, rows, total, x.contiguous(), group.contiguous(), groups, agents)
    return total.reshape(*x.shape[:-1], groups)


def group_total(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """See `causal_lpm.kernels.group_total`."""
    agents, rows = x.shape[-1], x.shape[:-1].numel()
    x, group = x.contiguous(), group.contiguous()
    total = torch.zeros((rows, groups), dtype=sum_type(x), device=x.device)
    out = torch.empty(x.shape, dtype=sum_type(x), device=x.device)
    launch(_into_groups, agents, rows, total, x, group, groups, agents)
    launch(_from_groups, agents, rows, out, x, group, total, groups, agents)
    return out


def graph_total(x: Tensor, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """See `causal_lpm.kernels.graph_total`."""
    out = torch.zeros((*x.shape[:-1], indptr.shape[0] - 1), dtype=sum_type(x), device=x.device)
    return _along_edges(out, x.contiguous(), None, indptr.contiguous(), neighbours.contiguous())


def graph_change(total: Tensor, before: Tensor, x: Tensor, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """See `causal_lpm.kernels.graph_change`."""
    wide = total if total.element_size() > 2 else total.int()  # there is no atomic addition of bytes
    _along_edges(wide, x.contiguous(), before.contiguous(), indptr.contiguous(), neighbours.contiguous())
    return total if wide is total else total.copy_(wide)


def _along_edges(out: Tensor, x: Tensor, before: Tensor | None, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """Pushes what is new if that takes few edges, else pulls everything; pulls always for rows of some agents only.

    Both are launched, and find out on the device which of them is to run: asking from here would wait for the GPU.
    """
    senders, agents, rows = x.shape[-1], out.shape[-1], x.shape[:-1].numel()
    few = neighbours.shape[0] // _SPARSE
    edges = torch.full((rows,), 0 if agents == senders else few + 1, dtype=torch.int64, device=x.device)
    if agents == senders:
        launch(_changed, agents, rows, edges, out, x, before, indptr, agents)
        launch(_push, agents, rows, out, x, before, indptr, neighbours, edges, few, agents, block=_AGENTS)
    launch(_pull, agents, rows, out, x, indptr, neighbours, edges, few, senders, agents, block=_AGENTS)
    return out
