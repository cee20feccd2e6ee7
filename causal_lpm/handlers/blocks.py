"""Noise of agents in blocks, contiguous ranges that have a key each: where all keys are equal, it is that of one key.

The first blocks have an agent more than the last ones where their number does not divide that of the agents. What has
fewer elements than there are blocks, such as one number for everybody, belongs to the first block.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from causal_lpm import kernels
from causal_lpm.kernels import hashing

__all__ = ["block_of", "field", "field_at", "happens"]


def block_of(agents: int, blocks: int) -> Tensor:
    """The block of each agent, int64 `[agents]`.

    >>> block_of(5, 2)
    tensor([0, 0, 0, 1, 1])
    """
    numbers = [
        torch.arange(start, start + count).repeat_interleave(size) for start, count, size in _alike(agents, blocks)
    ]
    return torch.cat(numbers)


def field(keys: Tensor, agents: int, kind: str, slots: int | None = None) -> Tensor:
    """As `kernels.field`, for keys `[*draws, blocks]`."""
    parts = []
    for start, count, first, size in _ranges(agents, keys.shape[-1]):
        own = _ahead(keys[..., start : start + count], first, size, slots or 1)
        noise = kernels.field(own, size, kind, slots)
        parts.append(noise.flatten(keys.dim() - 1, keys.dim()))
    return torch.cat(parts, keys.dim() - 1)


def field_at(seed_names: Tensor, index: Tensor, kind: str) -> Tensor:
    """As `kernels.field_at`, for `mix(seed + word(name))` of each block, int64 `[*draws, blocks]`."""
    parts = []
    for start, count, first, size in _ranges(index.shape[-1], seed_names.shape[-1]):
        for number in range(count):
            at = first + number * size
            of_block = seed_names[..., start + number, None]
            parts.append(kernels.field_at(of_block, index[..., at : at + size], kind, at))
    return torch.cat(parts, -1)


def happens(hazard: Tensor, keys: Tensor, where: Tensor | None) -> Tensor:
    """As `kernels.happens`, which refuses hazards that are negative or NaN, for keys `[*draws, blocks]`."""
    shape = torch.broadcast_shapes(hazard.shape, *([] if where is None else [where.shape]), (*keys.shape[:-1], 1))
    parts = []
    for start, count, first, size in _ranges(shape[-1], keys.shape[-1]):

        def cut(value: Tensor, first: int = first, count: int = count, size: int = size) -> Tensor:
            if value.shape[-1] == 1:
                return value[..., None]
            own: Tensor = value[..., first : first + count * size].unflatten(-1, (count, size))
            return own

        own = _ahead(keys[..., start : start + count], first, size, 1)
        found = kernels.happens(cut(hazard), own, None if where is None else cut(where), check=True)
        parts.append(found.expand(*found.shape[:-2], count, size).flatten(-2))
    return torch.cat(parts, -1)


def _ahead(keys: Tensor, first: int, size: int, slots: int) -> Tensor:
    """The key of each block's first agent, `[*draws, blocks, 1]`."""
    firsts = (first + size * torch.arange(keys.shape[-1], device=keys.device)) * slots
    return (keys + firsts * hashing.GOLDEN)[..., None]


def _alike(agents: int, blocks: int) -> list[tuple[int, int, int]]:
    """First block, number of blocks and agents in each, of the larger and of the smaller ones."""
    if agents < blocks:
        return [(0, 1, agents)]
    size, larger = divmod(agents, blocks)
    both = [(0, larger, size + 1), (larger, blocks - larger, size)]
    return [one for one in both if one[1]]


def _ranges(agents: int, blocks: int) -> Iterator[tuple[int, int, int, int]]:
    """As `_alike`, with the first agent of the first block."""
    first = 0
    for start, count, size in _alike(agents, blocks):
        yield start, count, first, size
        first += count * size
