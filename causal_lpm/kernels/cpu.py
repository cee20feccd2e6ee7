"""The kernels on CPU tensors: hands them as arrays to the compiled loops, over `torch.get_num_threads()` threads.

Loads numba, so it is imported only by the dispatch, when the first kernel is called.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from causal_lpm.kernels import _loops, hashing, reference
from causal_lpm.kernels._loops import Array

_KINDS = {"exponential": _loops.EXPONENTIAL, "uniform": _loops.UNIFORM, "gumbel": _loops.GUMBEL}
_WORTH_A_THREAD = 1 << 19  # elements; below about a millisecond of work, starting threads costs more than it saves


def _spread(kernel: Callable[..., None], *args: Any, pieces: int, work: int) -> None:
    """Calls `kernel(*args, low, high)` on parts of `range(pieces)`; the parts write to different places."""
    threads = min(torch.get_num_threads(), pieces, work // _WORTH_A_THREAD)
    if threads <= 1:
        kernel(*args, 0, pieces)
        return
    bounds = [pieces * t // threads for t in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:  # not kept: threads do not survive a fork
        for part in [pool.submit(kernel, *args, a, b) for a, b in itertools.pairwise(bounds)]:
            part.result()


def _array(x: Tensor, dtype: torch.dtype) -> Array:
    array: Array = x.detach().to(dtype).contiguous().numpy()
    return array


def _rows(x: Tensor, lead: torch.Size, dtype: torch.dtype) -> tuple[Array, Array]:
    """The tensor as `[rows of its own, last]`, and which of them each row of the broadcast shape reads."""
    own = torch.arange(math.prod(x.shape[:-1])).reshape(x.shape[:-1]).expand(lead)
    return _array(x, dtype).reshape(-1, x.shape[-1]), _array(own.reshape(-1), torch.int64)


def _by_key(rows_key: Array, work: int) -> tuple[Array, Array]:
    """The rows in the order of their keys, and where each part begins: the rows of a part share one key.

    One part a key, or several where there are more threads than keys.
    """
    members = np.argsort(rows_key, kind="stable")
    ordered = rows_key[members]
    first_of_key = np.flatnonzero(np.diff(ordered, prepend=-1)).tolist()
    pieces = -(-min(torch.get_num_threads(), work // _WORTH_A_THREAD) // max(len(first_of_key), 1))
    bounds = [*first_of_key, len(members)]
    parts = {a + (b - a) * piece // max(pieces, 1) for a, b in itertools.pairwise(bounds) for piece in range(pieces)}
    return members, np.array(sorted({*parts, *bounds}), dtype=np.int64)


def _keys(key: Tensor, lead: torch.Size) -> tuple[Array, Array]:
    own, rows = _rows(key.reshape(*key.shape[:-1], 1), lead, torch.int64)
    return own[:, 0].view("uint64"), rows


def field(key: Tensor, agents: int, kind: str, slots: int | None = None) -> Tensor:
    """See `causal_lpm.kernels.field`."""
    lead, n = key.shape[:-1], agents * (slots or 1)
    out = torch.empty((math.prod(lead), n), dtype=torch.int64 if kind == "bits" else torch.float32)
    keys, _ = _keys(key, lead)
    if kind == "bits":
        _spread(_loops.words, keys, out.numpy().view("uint64"), pieces=n, work=out.numel())
    else:
        _spread(_loops.field, keys, _KINDS[kind], out.numpy(), pieces=n, work=8 * out.numel())
    return out.reshape(*lead, agents) if slots is None else out.reshape(*lead, agents, slots)


def field_at(seed_name: Tensor, index: Tensor, kind: str) -> Tensor:
    """See `causal_lpm.kernels.field_at`."""
    agents = index.shape[-1]
    lead = torch.broadcast_shapes(seed_name.shape[:-1], index.shape[:-1])
    keys, rows_key = _keys(seed_name, lead)
    number, rows_index = _rows(index, lead, torch.int64)
    raw = torch.empty((math.prod(lead), agents), dtype=torch.int64)
    words = raw.numpy().view("uint64")
    _spread(_loops.keys_at, keys, number, rows_key, rows_index, words, pieces=agents, work=2 * raw.numel())
    if kind == "bits":
        return raw.reshape(*lead, agents)
    out = torch.empty(raw.shape, dtype=torch.float32)
    _spread(_loops.to_noise, words, _KINDS[kind], out.numpy(), pieces=agents, work=8 * out.numel())
    return out.reshape(*lead, agents)


def happens(hazard: Tensor, key: Tensor) -> Tensor:
    """See `causal_lpm.kernels.happens`."""
    agents = hazard.shape[-1]
    lead = torch.broadcast_shapes(hazard.shape[:-1], key.shape[:-1])
    h, rows_h = _rows(hazard, lead, torch.float32)
    keys, rows_key = _keys(key, lead)
    out = torch.empty((math.prod(lead), agents), dtype=torch.bool)
    members = np.argsort(rows_key, kind="stable")
    _spread(_loops.happens, h, keys, rows_h, rows_key, members, out.numpy(), pieces=agents, work=out.numel())
    return out.reshape(*lead, agents)


def select(priority: Tensor, key: Tensor, supply: Tensor, classes: int) -> Tensor:
    """See `causal_lpm.kernels.select`."""
    return _select(priority, key, None, supply, classes)


def select_by(priority: Tensor, noise: Tensor, supply: Tensor, classes: int) -> Tensor:
    """See `causal_lpm.kernels.select_by`."""
    return _select(priority, None, noise, supply, classes)


def _select(priority: Tensor, key: Tensor | None, noise: Tensor | None, supply: Tensor, classes: int) -> Tensor:
    agents = priority.shape[-1]
    by = next(t for t in (noise, key) if t is not None)
    lead = torch.broadcast_shapes(priority.shape[:-1], by.shape[:-1], supply.shape[:-1])
    if priority.dtype not in (torch.uint8, torch.int16, torch.int32):
        priority = priority.clamp(-1, classes)  # so that int32 holds it
    p, rows_p = _rows(priority, lead, torch.int32)
    s, rows_s = _rows(supply, lead, torch.int64)
    unused = torch.zeros(1, dtype=torch.int64)
    keys, rows_n = _keys(unused if key is None else key, unused.shape[:-1] if key is None else lead)
    e, rows_e = _rows(unused if noise is None else noise, unused.shape[:-1] if noise is None else lead, torch.float32)
    out = torch.empty((math.prod(lead), agents), dtype=torch.bool)
    args = p, keys, e, key is not None, s[:, 0].copy(), classes, rows_p, rows_n if key is not None else rows_e, rows_s
    _spread(_loops.select, *args, out.numpy(), pieces=out.shape[0], work=4 * out.numel())
    return out.reshape(*lead, agents)


def group_total(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """See `causal_lpm.kernels.group_total`."""
    rows, _ = _rows(x, x.shape[:-1], torch.int64)
    out = torch.empty(rows.shape, dtype=torch.int64)
    args = rows, _array(group, torch.int32), groups, out.numpy()
    _spread(_loops.group_total, *args, pieces=rows.shape[0], work=2 * out.numel())
    return out.reshape(x.shape)


def graph_total(x: Tensor, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """See `causal_lpm.kernels.graph_total`."""
    rows, _ = _rows(x, x.shape[:-1], torch.int64)
    out = torch.zeros(rows.shape, dtype=torch.int64)
    args = rows, _array(indptr, torch.int64), _array(neighbours, torch.int32), out.numpy()
    _spread(_loops.graph_total, *args, pieces=rows.shape[0], work=rows.shape[0] * neighbours.numel())
    return out.reshape(x.shape)


def ring_total(
    x: Tensor, key: Tensor, order: Tensor, start: Tensor, size: Tensor, half_degree: Tensor, rewire: float
) -> Tensor:
    """See `causal_lpm.kernels.ring_total`."""
    lead = torch.broadcast_shapes(x.shape[:-1], key.shape[:-1])
    sure, chance = reference.ring_plan(size, half_degree)
    rows, rows_x = _rows(x, lead, torch.int64)
    keys, rows_key = _keys(key, lead)
    out = torch.zeros((math.prod(lead), x.shape[-1]), dtype=torch.int64)
    ring = (_array(start, torch.int64), _array(size, torch.int64), sure.numpy(), chance.numpy())
    work = 3 * out.numel()
    members, parts = _by_key(rows_key, work)
    args = rows, keys, _array(order, torch.int32), *ring, round(rewire * reference.ONE), rows_x, rows_key
    _spread(_loops.ring_total, *args, members, parts, out.numpy(), pieces=len(parts) - 1, work=work)
    return out.reshape(*lead, x.shape[-1])


def stub_total(x: Tensor, key: Tensor, owner: Tensor, first: Tensor, chain: bool) -> Tensor:
    """See `causal_lpm.kernels.stub_total`."""
    lead = torch.broadcast_shapes(x.shape[:-1], key.shape[:-1])
    rows, rows_x = _rows(x, lead, torch.int64)
    keys, rows_key = _keys(key, lead)
    out = torch.zeros((math.prod(lead), x.shape[-1]), dtype=torch.int64)
    side = hashing.side(owner.shape[0])
    args = rows, keys, _array(owner, torch.int32), _array(first, torch.int64), bool(chain), side, hashing.rounds(side)
    work = 8 * out.numel()
    members, parts = _by_key(rows_key, work)
    out_args = rows_x, rows_key, members, parts, out.numpy()
    _spread(_loops.stub_total, *args, *out_args, pieces=len(parts) - 1, work=work)
    return out.reshape(*lead, x.shape[-1])
