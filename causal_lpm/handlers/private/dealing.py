"""What the dealer deals: numbers that are random, and what belongs to them, before any secret is known.

Each party makes its part of an answer from its key with the dealer. Only the values that follow from the random ones
need a correction, which goes to party 0: the value, less what all other parties have made. The dealer receives public
shapes and numbers, and nothing that was opened.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from causal_lpm.handlers.private.channel import Request
from causal_lpm.handlers.private.masks import Stream, fresh_key, numbered
from causal_lpm.kernels.normal import standard_normal
from causal_lpm.validate import known

__all__ = ["KINDS", "Dealer", "Kind", "Parts", "parts_of"]

Words: TypeAlias = Callable[[int, tuple[int, ...], torch.dtype], Tensor]
"""Slot, shape and type -> the words of one key for them."""

Sizes = Sequence[tuple[tuple[int, ...], int]]
"""Shape and bits of each tensor."""


@dataclass(frozen=True)
class Kind:
    """One kind of answer.

    Attributes:
        masks: Shape and bits of the uniform numbers; each party makes a part, and parts add up modulo 2**bits.
        values: Shapes of what belongs to them.
        make: The request, the masks and fresh luck -> the values.
        words: Type of the values, in whose bits they are shared: what is opened in fewer bits later needs no more.
    """

    masks: Callable[[Request], Sizes]
    values: Callable[[Request], Sequence[tuple[int, ...]]]
    make: Callable[[Request, list[Tensor], Stream], Sequence[Tensor]]
    words: Callable[[Request], torch.dtype] = lambda request: torch.int64


@dataclass(frozen=True)
class Parts:
    """One party's part of an answer: of the masks, and of the values."""

    masks: list[Tensor]
    values: list[Tensor]


def low(x: Tensor, bits: int) -> Tensor:
    """The low bits of whole numbers: the value modulo 2**bits."""
    return x if bits == 64 else x & ((1 << bits) - 1)


def narrow(bits: int) -> torch.dtype:
    """The smallest type in which so many bits travel."""
    return torch.uint8 if bits <= 8 else torch.int16 if bits <= 16 else torch.int32 if bits <= 32 else torch.int64


def one_hot(x: Tensor, bits: int, dtype: torch.dtype = torch.int64) -> Tensor:
    """Unit vectors `[*shape, 2**bits]`."""
    return torch.zeros((*x.shape, 1 << bits), dtype=dtype).scatter_(-1, x[..., None], 1)


def _same(request: Request, number: int, bits: int = 64) -> Sizes:
    return [(request.shape, bits)] * number


def _digits(request: Request, masks: list[Tensor], luck: Stream) -> list[Tensor]:
    """Unit vectors of the digits of the mask, the lowest first, side by side."""
    vectors, rest = [], masks[0]
    for bits in request.given[1:]:
        vectors.append(one_hot(low(rest, bits), bits, narrow(request.given[0])))
        rest = (rest >> bits) & ((1 << (64 - bits)) - 1)  # the mask of all 64 bits has a sign
    return [torch.cat(vectors, -1) if len(vectors) > 1 else vectors[0]]


def _truncation(request: Request, masks: list[Tensor], luck: Stream) -> list[Tensor]:
    width, bits = request.given
    return [masks[0] >> bits, masks[0] >> (width - 1)]


def uniform(luck: Stream, shape: tuple[int, ...]) -> Tensor:
    """float64 in (0, 1], with 53 bits."""
    return (((luck.words(shape) >> 11) & ((1 << 53) - 1)).double() + 1.0) * 2.0**-53


def drawn(kind: str, luck: Stream, shape: tuple[int, ...]) -> Tensor:
    """Noise of a kind of `exogenous`, float64."""
    known("kind of secret noise", kind, NOISE)
    if kind == "normal":
        return standard_normal(luck.words(shape))
    u = uniform(luck, shape)
    return u if kind == "uniform" else -u.log() if kind == "exponential" else -(-u.log()).clamp(min=2.0**-54).log()


NOISE = ("exponential", "uniform", "gumbel", "normal")


def noise_units(kind: str, bits: int, luck: Stream, shape: Sequence[int]) -> Tensor:
    """Noise in units of 2**-bits, rounded down."""
    return (drawn(kind, luck, tuple(shape)) * 2.0**bits).floor().long()


def outcomes(hazard: Tensor, luck: Stream, noise: Sequence[int]) -> Tensor:
    """Whether events with a public hazard happen, by noise of this shape, which all worlds share."""
    return (drawn("exponential", luck, tuple(noise)) < hazard.double()).expand(hazard.shape).long()


def thresholds(table: Tensor, luck: Stream, shape: Sequence[int], noise: Sequence[int]) -> Tensor:
    """How many entries of a rising public table of hazards do not exceed an agent's noise."""
    return (drawn("exponential", luck, tuple(noise))[..., None] >= table.double()).sum(-1).expand(tuple(shape))


def _noise(request: Request, masks: list[Tensor], luck: Stream) -> list[Tensor]:
    kind, bits = request.given
    return [noise_units(NOISE[kind], bits, luck, request.shape)]


def _outcome(request: Request, masks: list[Tensor], luck: Stream) -> list[Tensor]:
    if request.public is None:
        raise ValueError("the dealer was asked for outcomes without a hazard.")
    return [outcomes(request.public, luck, request.given)]


def _threshold(request: Request, masks: list[Tensor], luck: Stream) -> list[Tensor]:
    if request.public is None:
        raise ValueError("the dealer was asked for thresholds without a table.")
    return [thresholds(request.public, luck, request.shape, request.given)]


def _permutation(request: Request, masks: list[Tensor], luck: Stream) -> list[Tensor]:
    """Masks of rows in the order of uniform words, and others in the order that undoes it."""
    order = masks[2].argsort(stable=True)
    return [masks[0][order], masks[1][order.argsort()]]


def _rows(request: Request) -> list[tuple[int, ...]]:
    return [request.shape, (request.shape[0], request.given[0])]


KINDS: Mapping[str, Kind] = {
    "product": Kind(lambda r: _same(r, 2), lambda r: [r.shape], lambda r, m, luck: [m[0] * m[1]]),
    "digits": Kind(
        lambda r: _same(r, 1, min(64, sum(r.given[1:]))),
        lambda r: [(*r.shape, sum(1 << bits for bits in r.given[1:]))],
        _digits,
        lambda r: narrow(r.given[0]),
    ),
    "truncation": Kind(lambda r: _same(r, 1, r.given[0]), lambda r: [r.shape] * 2, _truncation),
    "permutation": Kind(
        lambda r: [*((shape, 64) for shape in _rows(r)), (r.shape[:1], 64)],
        _rows,
        _permutation,
    ),
    "noise": Kind(lambda r: [], lambda r: [r.shape], _noise),
    "outcome": Kind(lambda r: [], lambda r: [r.shape], _outcome),
    "threshold": Kind(lambda r: [], lambda r: [r.shape], _threshold),
}
"""What can be asked for.

`product`: a, b uniform and their product. `digits`, given the bits of a word and widths: a uniform mask, and unit
vectors of its digits.
`permutation`, given columns: masks of rows, masks for the way back, and words whose order is that of the rows.
`truncation`, given a width and bits: a mask, the mask without its low bits, and its highest bit. `noise`, given the
number of a kind and bits: fixed-point noise that nobody knows. `outcome`, given the shape of the noise, with a public
hazard: whether it happens. `threshold`, likewise, with a public table of hazards: how many do not exceed the noise.
"""


def masks_of(request: Request, words: Words) -> list[Tensor]:
    """What one party makes of the masks of an answer from its own key."""
    known("kind of dealt numbers", request.kind, KINDS)
    sizes = KINDS[request.kind].masks(request)
    return [low(words(slot, shape, narrow(bits)).long(), bits) for slot, (shape, bits) in enumerate(sizes)]


def parts_of(request: Request, words: Words) -> Parts:
    """What one party makes of an answer from its own key; party 0 has masks alone, and corrections for values."""
    masks, kind = masks_of(request, words), KINDS[request.kind]
    dtype = kind.words(request)
    return Parts(masks, [words(len(masks) + n, shape, dtype) for n, shape in enumerate(kind.values(request))])


class Dealer:
    """The dealer's side: the keys of all parties, and answers to their requests.

    It draws its own luck from the operating system. It refuses a request whose number was asked before, since its
    masks would be dealt twice.

    Args:
        parties: How many there are.
    """

    def __init__(self, parties: int) -> None:
        self.parties = parties
        self._keys: dict[int, bytes] = {}
        self._luck = Stream(fresh_key())
        self._next = 0

    def meet(self, rank: int, key: bytes) -> None:
        """Takes the key of a party; each party has one."""
        if rank in self._keys or not 0 <= rank < self.parties:
            raise ValueError(f"the dealer has met party {rank} already, or expects no such party.")
        self._keys[rank] = key

    def answer(self, request: Request) -> Tensor:
        """The correction for party 0: its values one after the other, in one dimension, in the words of their kind."""
        if len(self._keys) < self.parties:
            raise ValueError(f"the dealer has met {len(self._keys)} of {self.parties} parties.")
        if request.number < self._next:
            raise ValueError(f"the dealer was asked request {request.number} again: no mask is dealt twice.")
        self._next = request.number + 1
        known("kind of dealt numbers", request.kind, KINDS)
        parts = [self._part(request, rank) for rank in range(self.parties)]
        bits = [bits for _, bits in KINDS[request.kind].masks(request)]
        masks = [low(_sum([part.masks[i] for part in parts]), width) for i, width in enumerate(bits)]
        values = KINDS[request.kind].make(request, masks, self._luck)
        dtype = KINDS[request.kind].words(request)
        rest = []
        for i, value in enumerate(values):
            own = value.to(dtype).clone() if value._base is not None or 0 in value.stride() else value.to(dtype)
            for part in parts[1:]:
                own -= part.values[i]
            rest.append(own.reshape(-1))
        return torch.cat(rest) if len(rest) > 1 else rest[0]

    def _part(self, request: Request, rank: int) -> Parts:
        def words(slot: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
            return numbered(self._keys[rank], request.number, slot, shape, dtype)

        return parts_of(request, words) if rank else Parts(masks_of(request, words), [])


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def split(x: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """One row of numbers as tensors of these shapes."""
    sizes = [math.prod(shape) for shape in shapes]
    return [part.view(shape) for part, shape in zip(x.split(sizes), shapes, strict=True)]
