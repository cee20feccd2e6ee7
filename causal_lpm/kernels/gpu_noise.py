"""Noise and events in Triton: hashed in registers, and for events never written to memory.

Hashes are uint64. Logarithms are taken in float64 and rounded once, as in `reference`. They may differ from torch's in
the last bits of float64, of which the rounding leaves a trace in fewer than one of a hundred million numbers.
"""

from __future__ import annotations

import math

import torch
import triton.language as tl
from torch import Tensor

from causal_lpm.kernels import reference
from causal_lpm.kernels.gpu_launch import kernel, keys_of, launch, place, rows_of
from causal_lpm.kernels.reference import check_hazard

__all__ = ["bits", "exponential", "field", "field_at", "happens", "mix", "uniform"]

_GOLDEN = tl.constexpr(0x9E3779B97F4A7C15)
_FIRST = tl.constexpr(0xBF58476D1CE4E5B9)
_SECOND = tl.constexpr(0x94D049BB133111EB)


@kernel
def mix(x: tl.tensor) -> tl.tensor:
    """`hashing.mix` of uint64."""
    x = (x ^ (x >> 30)) * _FIRST
    x = (x ^ (x >> 27)) * _SECOND
    return x ^ (x >> 31)


@kernel
def bits(key: tl.tensor, index: tl.tensor) -> tl.tensor:
    """`hashing.bits`, uint64, of a uint64 key and integers."""
    return mix(key + index.to(tl.uint64) * _GOLDEN)


@kernel
def uniform(words: tl.tensor) -> tl.tensor:
    """`hashing.uniform`, float64."""
    return ((words >> 11).to(tl.int64).to(tl.float64) + 0.5) * 1.1102230246251565e-16  # 2**-53


@kernel
def exponential(u: tl.tensor) -> tl.tensor:
    """-log1p(-u) in float64, from the logarithm that Triton has: what 1 - u loses to rounding is put back."""
    rest = 1.0 - u
    whole = rest == 1.0
    return tl.where(whole, u, -tl.log(rest) * (u / tl.where(whole, 1.0, 1.0 - rest)))


@kernel
def _written(words: tl.tensor, KIND: tl.constexpr) -> tl.tensor:
    """Raw bits as what is stored: int64 or float32."""
    if KIND == "bits":
        value = words.to(tl.int64, bitcast=True)
    elif KIND == "uniform":
        value = uniform(words).to(tl.float32)
    elif KIND == "gumbel":
        value = (-tl.log(exponential(uniform(words)))).to(tl.float32)
    else:
        value = exponential(uniform(words)).to(tl.float32)
    return value


@kernel
def _field(
    out: tl.tensor, key: tl.tensor, elements: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr, KIND: tl.constexpr
) -> None:
    row, i = place(blocks, BLOCK)
    words = bits(tl.load(key + row).to(tl.uint64), i)
    tl.store(out + row * elements + i, _written(words, KIND), mask=i < elements)


@kernel
def _field_at(
    out: tl.tensor, key: tl.tensor, index: tl.tensor, rows_key: tl.tensor, rows_index: tl.tensor,
    first: tl.int64, agents: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr, KIND: tl.constexpr,
) -> None:  # fmt: skip
    row, i = place(blocks, BLOCK)
    number = tl.load(index + tl.load(rows_index + row) * agents + i, mask=i < agents, other=0).to(tl.int64)
    own = mix(bits(tl.load(key + tl.load(rows_key + row)).to(tl.uint64), number))
    tl.store(out + row * agents + i, _written(bits(own, first + i), KIND), mask=i < agents)


@kernel
def _happens(
    out: tl.tensor, hazard: tl.tensor, key: tl.tensor, where: tl.tensor,
    rows_h: tl.tensor, rows_key: tl.tensor, rows_w: tl.tensor,
    width: tl.int64, agents: tl.int64, blocks: tl.int64, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    row, i = place(blocks, BLOCK)
    h = tl.load(hazard + tl.load(rows_h + row) * width + tl.minimum(i, width - 1), mask=i < agents, other=0.0)
    happened = h > 0
    if where is not None:
        happened = happened & tl.load(where + tl.load(rows_w + row) * agents + i, mask=i < agents, other=0).to(tl.int1)
    # Blocks where nothing can happen need no hash, and -log1p(-u) >= u spares nearly all others the logarithm.
    if tl.max(happened.to(tl.int32), 0) > 0:
        u = uniform(bits(tl.load(key + tl.load(rows_key + row)).to(tl.uint64), i))
        happened = happened & (u < h)
        if tl.max(happened.to(tl.int32), 0) > 0:
            happened = happened & (exponential(u).to(tl.float32) < h)
    tl.store(out + row * agents + i, happened, mask=i < agents)


def field(key: Tensor, agents: int, kind: str, slots: int | None = None) -> Tensor:
    """See `causal_lpm.kernels.field`; normal noise is torch's, whose sums and products are rounded one by one."""
    if kind == "normal":
        return reference.field(key, agents, kind, slots)
    lead, n = key.shape[:-1], agents * (slots or 1)
    keys, _ = keys_of(key, lead)
    out = torch.empty((math.prod(lead), n), dtype=_stored(kind), device=key.device)
    launch(_field, n, out.shape[0], out, keys, n, KIND=kind)
    return out.reshape(*lead, agents) if slots is None else out.reshape(*lead, agents, slots)


def field_at(seed_name: Tensor, index: Tensor, kind: str, first: int = 0) -> Tensor:
    """See `causal_lpm.kernels.field_at`; normal noise is torch's."""
    if kind == "normal":
        return reference.field_at(seed_name, index, kind, first)
    agents = index.shape[-1]
    lead = torch.broadcast_shapes(seed_name.shape[:-1], index.shape[:-1])
    keys, rows_key = keys_of(seed_name, lead)
    number, rows_index = rows_of(index, lead)
    out = torch.empty((*lead, agents), dtype=_stored(kind), device=index.device)
    launch(_field_at, agents, math.prod(lead), out, keys, number, rows_key, rows_index, first, agents, KIND=kind)
    return out


def happens(hazard: Tensor, key: Tensor, where: Tensor | None = None, check: bool = False) -> Tensor:
    """See `causal_lpm.kernels.happens`."""
    if check:
        check_hazard(hazard)
    agents, asked = (hazard if where is None else where).shape[-1], () if where is None else where.shape[:-1]
    lead = torch.broadcast_shapes(hazard.shape[:-1], key.shape[:-1], asked)
    # One number for everybody may come expanded: it is read once.
    h, rows_h = rows_of(hazard[..., :1] if hazard.stride(-1) == 0 else hazard, lead, torch.float32)
    w, rows_w = (None, rows_h) if where is None else rows_of(where, lead)
    keys, rows_key = keys_of(key, lead)
    out = torch.empty((*lead, agents), dtype=torch.bool, device=hazard.device)
    launch(_happens, agents, math.prod(lead), out, h, keys, w, rows_h, rows_key, rows_w, h.shape[-1], agents)
    return out


def _stored(kind: str) -> torch.dtype:
    return torch.int64 if kind == "bits" else torch.float32
