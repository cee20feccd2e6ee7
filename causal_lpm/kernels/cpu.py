"""The kernels on CPU tensors: given as arrays to the compiled loops, over `torch.get_num_threads()` threads.

Loads numba, so it is imported only by the dispatch, when the first kernel is called.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from causal_lpm.kernels import cpu_fresh, cpu_hash, cpu_limits, cpu_noise, cpu_stocks, cpu_totals, hashing, reference
from causal_lpm.kernels.cpu_elementwise import places
from causal_lpm.kernels.cpu_hash import Array
from causal_lpm.kernels.cpu_threads import spread, threads_for

_KINDS = {kind: getattr(cpu_hash, kind.upper()) for kind in ("exponential", "uniform", "gumbel", "normal")}
SPARSE = 3  # a sum follows single agents while fewer than one in three send something
_ONLY = np.zeros(1, dtype=np.int64)  # the only row
_EVERYBODY = torch.empty(0, dtype=torch.bool)
_FEW = 256  # agents a group, from which a limit for each group is less work than a hazard for each agent
_NO_GROUP = np.empty(0, dtype=np.int32)


def _array(x: Tensor, dtype: torch.dtype) -> Array:
    plain = x.dtype is dtype and not x.requires_grad and x.is_contiguous()
    array: Array = x.numpy() if plain else x.detach().to(dtype).contiguous().numpy()
    return array


def _rows(x: Tensor, lead: tuple[int, ...], dtype: torch.dtype) -> tuple[Array, Array]:
    """The tensor as `[rows of its own, last]`, and which of them each row of the broadcast shape reads."""
    if not lead or math.prod(lead) == 1:
        return _array(x, dtype).reshape(1, -1), _ONLY
    rows = math.prod(x.shape[:-1])
    own = torch.arange(rows).reshape(x.shape[:-1]).expand(lead)
    return _array(x, dtype).reshape(rows, x.shape[-1]), _array(own.reshape(-1), torch.int64)


def _sorted(rows_key: Array) -> Array:
    """The rows in the order of their keys."""
    return _ONLY if len(rows_key) == 1 else np.argsort(rows_key, kind="stable")


def _by_key(rows_key: Array) -> tuple[Array, Array]:
    """The rows in the order of their keys, and where each part begins: the rows of a part share one key."""
    members = _sorted(rows_key)
    drawn = rows_key[members].tolist()  # few: numpy's ways to find where they change take a tenth of a millisecond
    first_of_key = [place for place, number in enumerate(drawn) if place == 0 or number != drawn[place - 1]]
    return members, np.array([*first_of_key, len(drawn)])


def _keys(key: Tensor, lead: tuple[int, ...]) -> tuple[Array, Array]:
    if not lead:
        return _array(key, torch.int64).reshape(1).view(np.uint64), _ONLY
    own, rows = _rows(key.reshape(*key.shape[:-1], 1), lead, torch.int64)
    return own[:, 0].view(np.uint64), rows


def field(key: Tensor, agents: int, kind: str, slots: int | None = None) -> Tensor:
    """See `causal_lpm.kernels.field`."""
    lead, n = key.shape[:-1], agents * (slots or 1)
    out = torch.empty((math.prod(lead), n), dtype=torch.int64 if kind == "bits" else torch.float32)
    keys, _ = _keys(key, lead)
    if kind == "bits":
        spread(cpu_noise.words, keys, out.numpy().view("uint64"), pieces=n, work=out.numel())
    else:
        spread(cpu_noise.field, keys, _KINDS[kind], out.numpy(), pieces=n, work=8 * out.numel())
    return out.reshape(*lead, agents) if slots is None else out.reshape(*lead, agents, slots)


def field_at(seed_name: Tensor, index: Tensor, kind: str, first: int = 0) -> Tensor:
    """See `causal_lpm.kernels.field_at`."""
    agents = index.shape[-1]
    lead = np.broadcast_shapes(seed_name.shape[:-1], index.shape[:-1])
    keys, rows_key = _keys(seed_name, lead)
    number, rows_index = _rows(index, lead, torch.int64)
    raw = torch.empty((math.prod(lead), agents), dtype=torch.int64)
    words = raw.numpy().view("uint64")
    spread(cpu_noise.keys_at, keys, number, first, rows_key, rows_index, words, pieces=agents, work=2 * raw.numel())
    if kind == "bits":
        return raw.reshape(*lead, agents)
    out = torch.empty(raw.shape, dtype=torch.float32)
    spread(cpu_noise.to_noise, words, _KINDS[kind], out.numpy(), pieces=agents, work=8 * out.numel())
    return out.reshape(*lead, agents)


def happens(
    hazard: Tensor, key: Tensor, where: Tensor | None = None, check: bool = False, group: Tensor | None = None
) -> Tensor:
    """See `causal_lpm.kernels.happens`; with a group an agent, the hazards are those of the groups."""
    asked = _EVERYBODY if where is None else where
    agents = (hazard if where is None else where).shape[-1] if group is None else group.shape[-1]
    single = hazard.dim() == 1 == asked.dim() and key.dim() < 2  # numpy takes five microseconds to say so
    lead = () if single else np.broadcast_shapes(hazard.shape[:-1], key.shape[:-1], asked.shape[:-1])
    alike = hazard.stride(-1) == 0 or hazard.shape[-1] == 1  # one number for everybody may come expanded
    small_groups = group is not None and _FEW * hazard.shape[-1] > agents
    of_each = small_groups or (group is None and not alike)
    if single and threads_for(agents, agents if of_each else agents // 4) == 1:
        made, keys, mask = np.zeros(agents, np.bool_), _keys(key, lead)[0], _array(asked, torch.bool).view(np.uint8)
        h, out = _array(hazard[:1] if alike and group is None else hazard, torch.float32), made.view(np.uint8)
        if group is not None:
            decide = cpu_noise.happens_in_small_groups if small_groups else cpu_limits.happens_in_groups
            right = decide(h, keys, mask, _array(group, torch.int32), out)
        else:
            right = (cpu_limits.happens_alike if alike else cpu_noise.happens_in_a_row)(h, keys, mask, out)
        return _checked(torch.from_numpy(made), right or not check, hazard, group)
    if small_groups and group is not None:
        return happens(hazard.index_select(-1, group.long()), key, where, check)
    h, rows_h = _rows(hazard[..., :1] if alike and group is None else hazard, lead, torch.float32)
    w, rows_w = _rows(asked, lead, torch.bool)
    keys, rows_key = _keys(key, lead)
    happened = torch.zeros(agents if single else (*lead, agents), dtype=torch.bool)
    members = _sorted(rows_key)
    mask, result = w.view(np.uint8), happened.numpy().view(np.uint8).reshape(1 if single else math.prod(lead), agents)
    rest = keys, mask, rows_h, rows_key, rows_w, members, result
    if alike or group is not None:
        low, width = np.empty(h.shape, np.uint64), np.empty(h.shape, np.uint64)
        right = cpu_limits.limits(h.reshape(-1), low.reshape(-1), width.reshape(-1))
        hazards = h, low, width, _NO_GROUP if group is None else _array(group, torch.int32)
        spread(cpu_limits.happens, *hazards, *rest, pieces=agents, work=result.size // 4)
    else:
        bad = np.zeros(1, dtype=np.bool_)
        spread(cpu_noise.happens, h, *rest, bad, pieces=agents, work=result.size)
        right = not bad[0]
    return _checked(happened, right or not check, hazard, group)


def _checked(happened: Tensor, right: bool, hazard: Tensor, group: Tensor | None) -> Tensor:
    if not right and group is not None:  # a group without agents has no hazard that counts: it may be 0 / 0
        inhabited = torch.zeros(hazard.shape[-1], dtype=torch.bool).index_fill(0, group.long(), True)
        right = bool((hazard[..., inhabited] >= 0).all())
    if not right:
        raise ValueError(reference.BAD_HAZARD)
    return happened


def select(priority: Tensor, key: Tensor, supply: Tensor, classes: int, group: Tensor | None = None) -> Tensor:
    """See `causal_lpm.kernels.select`."""
    return _select(priority, key, None, supply, classes, group)


def select_by(priority: Tensor, noise: Tensor, supply: Tensor, classes: int, group: Tensor | None = None) -> Tensor:
    """See `causal_lpm.kernels.select_by`."""
    return _select(priority, None, noise, supply, classes, group)


def _select(
    priority: Tensor, key: Tensor | None, noise: Tensor | None, supply: Tensor, classes: int, group: Tensor | None
) -> Tensor:
    agents = priority.shape[-1]
    by = next(t for t in (noise, key) if t is not None)
    grouped = () if group is None else group.shape[:-1]
    lead = np.broadcast_shapes(priority.shape[:-1], by.shape[:-1], supply.shape[:-1], grouped)
    if priority.dtype not in (torch.uint8, torch.int16, torch.int32):
        priority = priority.long().clamp(-1, classes).int()
    p, rows_p = _rows(priority, lead, priority.dtype)
    s, rows_s = _rows(supply, lead, torch.int64)
    unused = torch.zeros(1, dtype=torch.int64)
    keys, rows_n = _keys(unused if key is None else key, unused.shape[:-1] if key is None else lead)
    e, rows_e = _rows(unused if noise is None else noise, unused.shape[:-1] if noise is None else lead, torch.float32)
    out = torch.empty((math.prod(lead), agents), dtype=torch.bool)
    rows, work = (rows_p, rows_n if key is not None else rows_e), 4 * out.numel()
    given = p, keys, e, key is not None
    if group is None:
        plain = *given, s[:, 0].copy(), classes, *rows, rows_s, out.numpy()
        spread(cpu_noise.select, *plain, pieces=out.shape[0], work=work)
    else:
        g, rows_g = _rows(group, lead, torch.int32)
        stocks = *given, g, s.clip(0), classes, *rows, rows_g, rows_s, out.numpy()
        spread(cpu_stocks.select_in_groups, *stocks, pieces=out.shape[0], work=work)
    return out.reshape(*lead, agents)


def group_sum(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """See `causal_lpm.kernels.group_sum`."""
    rows, _ = _rows(x, x.shape[:-1], x.dtype)
    out = torch.zeros((rows.shape[0], groups), dtype=_sum_type(x))
    args = rows, _array(group, torch.int32), out.numpy()
    spread(cpu_totals.group_sum, *args, pieces=rows.shape[0], work=rows.size)
    return out.reshape(*x.shape[:-1], groups)


def group_total(x: Tensor, group: Tensor, groups: int) -> Tensor:
    """See `causal_lpm.kernels.group_total`."""
    rows, _ = _rows(x, x.shape[:-1], x.dtype)
    out = torch.empty(rows.shape, dtype=_sum_type(x))
    args = rows, _array(group, torch.int32), groups, out.numpy()
    spread(cpu_totals.group_total, *args, pieces=rows.shape[0], work=2 * out.numel())
    return out.reshape(x.shape)


def graph_total(x: Tensor, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """See `causal_lpm.kernels.graph_total`."""
    (rows, _), agents = _rows(x, x.shape[:-1], x.dtype), indptr.shape[0] - 1
    out = torch.zeros((rows.shape[0], agents), dtype=_sum_type(x))
    graph = _array(indptr, torch.int64), _array(neighbours, torch.int32)
    whole = agents == x.shape[-1]  # a part of the rows does not say to whom an agent sends
    few = np.array([whole and SPARSE * np.count_nonzero(row) < row.size for row in rows], dtype=np.bool_)
    push, pull = np.flatnonzero(few), np.flatnonzero(~few)
    edges = neighbours.numel()
    spread(cpu_totals.graph_push, rows, *graph, push, out.numpy(), pieces=push.size, work=push.size * edges // SPARSE)
    spread(cpu_totals.graph_pull, rows, *graph, pull, out.numpy(), pieces=agents, work=len(pull) * edges)
    return out.reshape(*x.shape[:-1], agents)


def graph_change(total: Tensor, before: Tensor, x: Tensor, indptr: Tensor, neighbours: Tensor) -> Tensor:
    """See `causal_lpm.kernels.graph_change`."""
    if neighbours.numel() == 0:
        return total
    rows = math.prod(x.shape[:-1]), x.shape[-1]
    now, then = (_array(sent, sent.dtype).reshape(rows) for sent in (x, before))
    graph = _array(indptr, torch.int64), _array(neighbours, torch.int32)
    who = np.empty(x.shape[-1] // SPARSE + 1, dtype=np.int32)
    for new, old, sums in zip(now, then, total.numpy().reshape(rows), strict=True):
        found = cpu_totals.changed(new, old, _words(new), _words(old), who)
        if found < who.size:
            cpu_totals.graph_change(new, old, who[:found], *graph, sums)
        else:
            sums[:] = graph_total(torch.from_numpy(new), indptr, neighbours).numpy()
    return total


def _words(row: Array) -> Array:
    """The messages of one row, read as words of 8 bytes, without those that do not fill one."""
    return row[: row.size - row.nbytes % 8 // row.itemsize].view(np.uint64)


def ring_total(
    x: Tensor, key: Tensor, order: Tensor, start: Tensor, size: Tensor, half_degree: Tensor, rewire: float
) -> Tensor:
    """See `causal_lpm.kernels.ring_total`."""
    lead = np.broadcast_shapes(x.shape[:-1], key.shape[:-1])
    sure, chance = reference.ring_plan(size, half_degree)
    rows, rows_x = _rows(x, lead, torch.int64)
    keys, rows_key = _keys(key, lead)
    out = torch.zeros((math.prod(lead), x.shape[-1]), dtype=torch.int64)
    sizes = _array(size, torch.int64)
    ring = (_array(start, torch.int64), sizes, sure.numpy(), chance.numpy())
    members, parts = _by_key(rows_key)
    args = rows, _speakers(rows, rows_x, members, parts), keys, _array(order, torch.int32), *ring
    drawn = round(rewire * reference.ONE), rows_x, rows_key
    tasks, work = (len(parts) - 1) * len(sizes), 3 * out.numel()
    # Classes differ in size: each thread takes the next ones until it has its share of the members.
    done = np.tile(sizes, len(parts) - 1).cumsum()
    shares = np.arange(1, threads) / threads if (threads := threads_for(tasks, work)) > 1 else np.empty(0)
    bounds = [0, *np.searchsorted(done, shares * done[-1]).tolist(), tasks] if tasks else None
    spread(cpu_fresh.ring_total, *args, *drawn, members, parts, out.numpy(), pieces=tasks, work=work, bounds=bounds)
    return out.reshape(*lead, x.shape[-1]).to(_sum_type(x))


def _speakers(x: Array, rows_x: Array, members: Array, parts: Array) -> Array:
    """Who sends something in any row of a part, uint8 `[parts, agents]`."""
    speaks = np.zeros((len(parts) - 1, x.shape[-1]), np.uint8)
    spread(cpu_fresh.speakers, x, rows_x, members, parts, speaks, pieces=x.shape[-1], work=speaks.size // 4)
    return speaks


def stub_total(x: Tensor, key: Tensor, owner: Tensor, first: Tensor, chain: bool) -> Tensor:
    """See `causal_lpm.kernels.stub_total`."""
    lead = np.broadcast_shapes(x.shape[:-1], key.shape[:-1])
    source, rows_x = _rows(x, lead, torch.int64)
    keys, rows_key = _keys(key, lead)
    out = torch.zeros((math.prod(lead), x.shape[-1]), dtype=torch.int64)
    owners, begins = _array(owner, torch.int32), _array(first, torch.int64)
    side = hashing.side(len(owners))
    members, parts = _by_key(rows_key)
    speaks = _speakers(source, rows_x, members, parts)
    for part, (low, high) in enumerate(itertools.pairwise(parts.tolist())):
        rows = members[low:high]
        rounds = np.empty((1, hashing.rounds(side)), dtype=np.uint64)
        cpu_noise.words(keys[rows_key[rows[:1]]], rounds, 0, rounds.shape[1])
        who = places(speaks[part])
        count = int((begins[who + 1] - begins[who]).sum())
        target = rows_x, rows, out.numpy()
        if SPARSE * count >= len(owners):
            along = source, rounds[0], owners, bool(chain), side, *target
            spread(cpu_fresh.stub_sequence, *along, pieces=len(rows), work=8 * len(rows) * len(owners))
            continue
        sending, other = np.empty(count, np.int32), np.empty((2 if chain else 1, count), np.int32)
        cpu_fresh.stubs_of(who, begins, sending)
        beside = rounds[0], sending, owners, bool(chain), side, other
        spread(cpu_fresh.stub_neighbours, *beside, pieces=count, work=8 * other.size)
        push = source, sending, owners, other, *target
        spread(cpu_fresh.stub_push, *push, pieces=len(rows), work=len(rows) * other.size)
    return out.reshape(*lead, x.shape[-1]).to(_sum_type(x))


def _sum_type(x: Tensor) -> torch.dtype:
    return torch.int32 if x.dtype == torch.bool else torch.int64
