"""Several parties: parts are uniform numbers modulo 2**64 that add up to the secret.

Every product, table and comparison opens the secret less a uniform mask of the dealer, in as many bits as the number
has: what a party receives is uniform whatever the secret is. None of these protocols fails by chance; truncation is
off by one in its last bit.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from causal_lpm.handlers.private.channel import Channel, Request
from causal_lpm.handlers.private.comparison import is_zero, negative
from causal_lpm.handlers.private.dealing import KINDS, NOISE, Parts, low, masks_of, narrow, parts_of, split
from causal_lpm.handlers.private.masks import Masks, agree
from causal_lpm.handlers.private.share_layer import ShareLayer, Width

__all__ = ["Additive"]

PAIR = 2
"""Bits of the table of a product of two bits."""


class Additive(ShareLayer):
    """The layer of one of several parties, with a dealer who colludes with nobody.

    Args:
        channel: To the other parties and the dealer.
        masks: The keys of the session; agreed on now if none are given.

    >>> from causal_lpm.handlers.private.in_process import together
    >>> def run(channel):
    ...     layer = Additive(channel)
    ...     (square,) = layer.product((layer.public(torch.tensor([7])),) * 2)
    ...     return layer.open(square)[0].item()
    >>> together(3, run)
    [49, 49, 49]
    """

    def __init__(self, channel: Channel, masks: Masks | None = None) -> None:
        super().__init__()
        self.channel, self.rank, self.parties = channel, channel.rank, channel.parties
        self.masks = agree(channel) if masks is None else masks
        self.cost, self.meets = channel.cost, channel.meets
        self._requests = 0

    def zero(self, shape: Sequence[int], dtype: torch.dtype = torch.int64) -> Tensor:
        """This party's part of a fresh sharing of zero."""
        return self.masks.zero(shape, dtype)

    def open(self, *shares: Tensor) -> list[Tensor]:
        return self.open_bits(*((x, 64) for x in shares))

    def open_bits(self, *shares: tuple[Tensor, int]) -> list[Tensor]:
        """Numbers modulo 2**bits, each in its own bits; one round, under fresh sharings of zero.

        This is the one place where parts leave a party.
        """
        sent = []
        for x, bits in shares:
            part = x.to(narrow(bits)) + self.zero(x.shape, narrow(bits))
            sent.append(low(part, bits).contiguous().view(-1).view(torch.uint8))
        got = self.channel.to_all(torch.cat(sent))
        sizes = [x.numel() for x in sent]
        opened: list[Tensor] = []
        for (x, bits), parts in zip(shares, zip(*(each.split(sizes) for each in got), strict=True), strict=True):
            total = sum(part.clone().view(narrow(bits)).long() for part in parts)
            assert isinstance(total, Tensor)
            opened.append(low(total, bits).view(x.shape))
        return opened

    def dealt(self, kind: str, shape: Sequence[int], given: Sequence[int] = (), public: Tensor | None = None) -> Parts:
        """This party's part of dealt numbers."""
        number, self._requests = self._requests, self._requests + 1
        request = Request(kind, tuple(shape), number, tuple(given), public)
        words = partial(self.masks.dealt, number)
        if self.rank:
            return parts_of(request, words)
        return Parts(masks_of(request, words), split(self.channel.deal(request), KINDS[kind].values(request)))

    def product(self, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
        wide = [torch.broadcast_tensors(*pair) for pair in pairs]
        x, y = (torch.cat([pair[side].reshape(-1) for pair in wide]) for side in (0, 1))
        return split(self._times(x, y), [left.shape for left, _ in wide])

    def _times(self, x: Tensor, y: Tensor) -> Tensor:
        """Products of two rows of numbers, by a dealt one (Beaver 1991)."""
        parts = self.dealt("product", x.shape)
        (a, b), (c,) = parts.masks, parts.values
        d, e = self.open(x - a, y - b)
        return c + d * b + e * a + self.public(d * e)

    def both(self, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
        wide = [torch.broadcast_tensors(*pair) for pair in pairs]
        index = torch.cat([(a + 2 * b).reshape(-1) for a, b in wide])
        return split(self.units(index, PAIR)[..., 3], [left.shape for left, _ in wide])

    def digits(self, x: Tensor, widths: Sequence[int], words: int = 64) -> tuple[Tensor, list[Tensor]]:
        """The numbers less a mask, opened in all digits, and the unit vectors of the mask's digits, lowest first.

        Vectors are shared modulo 2**words, 16, 32 or 64: what is opened in fewer bits later needs no more.
        """
        parts = self.dealt("digits", x.shape, (words, *widths))
        bits = min(64, sum(widths))
        (opened,) = self.open_bits((x - parts.masks[0], bits))
        return opened, list(parts.values[0].split([1 << width for width in widths], -1))

    def units(self, x: Tensor, bits: int, words: int = 64) -> Tensor:
        opened, (vector,) = self.digits(x, [bits], words)
        return vector.gather(-1, low(torch.arange(1 << bits) - opened[..., None], bits))

    def digit_units(self, x: Tensor, low: int, high: int) -> tuple[Tensor, Tensor, Tensor]:
        opened, (first, second) = self.digits(x, [low, high])
        return opened, first, second

    def negative(self, x: Tensor, width: Width) -> Tensor:
        return negative(self, x, width)

    def is_zero(self, x: Tensor, width: Width) -> Tensor:
        return is_zero(self, x, width)

    def truncate(self, x: Tensor, bits: int, width: Width) -> Tensor:
        # y = x + half is in 0 to 2**width, and one bit is free above it: y + r wraps where r has that bit, and the sum
        # does not. So the wrap is known from the mask's highest bit, and nothing is left to chance.
        half = 1 << (width - 1)
        parts = self.dealt("truncation", x.shape, (width + 1, bits))
        (r,), (short, top) = parts.masks, parts.values
        (opened,) = self.open_bits((x + self.public(torch.full_like(x, half)) + r, width + 1))
        wraps = top * (1 - (opened >> width))
        without = self.public((opened >> bits) - (half >> bits))
        return without - short + (wraps << (width + 1 - bits))

    def noise(self, kind: str, bits: int, shape: Sequence[int]) -> Tensor:
        return self.dealt("noise", shape, (NOISE.index(kind), bits)).values[0]

    def outcome(self, hazard: Tensor, shape: Sequence[int]) -> Tensor:
        return self.dealt("outcome", hazard.shape, tuple(shape), hazard).values[0]

    def threshold(self, table: Tensor, shape: Sequence[int], noise: Sequence[int]) -> Tensor:
        return self.dealt("threshold", shape, tuple(noise), table).values[0]
