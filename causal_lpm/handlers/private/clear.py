"""One party: a part is the number itself. The reference for all other layers, and a rehearsal before a private run."""

from collections.abc import Sequence

import torch
from torch import Tensor

from causal_lpm.handlers.private.dealing import low, noise_units, one_hot, outcomes, thresholds
from causal_lpm.handlers.private.masks import Stream, fresh_key
from causal_lpm.handlers.private.secret import LIMIT
from causal_lpm.handlers.private.share_layer import ShareLayer, Width

__all__ = ["Clear"]


class Clear(ShareLayer):
    """The same whole numbers as with any number of parties, without a message; nothing is hidden from this process.

    Where a public bound is wrong it says so, which parties who see nothing cannot.

    Raises:
        ValueError: a number is outside of the bounds under which it was shared.

    >>> Clear().negative(torch.tensor([-3, 0, 5]), width=8)
    tensor([1, 0, 0])
    """

    def open(self, *shares: Tensor) -> list[Tensor]:
        return [x.clone() for x in shares]

    def promised(self, x: Tensor, low: int, high: int) -> None:
        _within(x, low, high + 1)

    def product(self, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
        for a, b in pairs:
            if a.numel() and b.numel() and float((a.double() * b.double()).abs().max()) >= LIMIT:
                raise ValueError(
                    "a product of secrets is beyond 2**60 units, more than 64 bits hold: compute in smaller numbers, "
                    "or give entries closer bounds (small=), so that fewer digits are kept."
                )
        return [a * b for a, b in pairs]

    def both(self, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
        return [a * b for a, b in pairs]

    def units(self, x: Tensor, bits: int, words: int = 64) -> Tensor:
        _within(x, 0, 1 << bits)
        return one_hot(low(x, bits), bits)

    def digit_units(self, x: Tensor, low: int, high: int) -> tuple[Tensor, Tensor, Tensor]:
        _within(x, 0, 1 << (low + high))
        return torch.zeros_like(x), one_hot(x & ((1 << low) - 1), low), one_hot(x >> low, high)

    def negative(self, x: Tensor, width: Width) -> Tensor:
        _within(x, -(1 << (width - 1)), 1 << (width - 1))
        return (x < 0).long()

    def is_zero(self, x: Tensor, width: Width) -> Tensor:
        _within(x, 1 - (1 << width), 1 << width)
        return (x == 0).long()

    def truncate(self, x: Tensor, bits: int, width: Width) -> Tensor:
        _within(x, -(1 << (width - 1)), 1 << (width - 1))
        return x >> bits

    def noise(self, kind: str, bits: int, shape: Sequence[int]) -> Tensor:
        return noise_units(kind, bits, Stream(fresh_key()), shape)

    def outcome(self, hazard: Tensor, shape: Sequence[int]) -> Tensor:
        return outcomes(hazard, Stream(fresh_key()), shape)

    def threshold(self, table: Tensor, shape: Sequence[int], noise: Sequence[int]) -> Tensor:
        return thresholds(table, Stream(fresh_key()), shape, noise)


def _within(x: Tensor, lowest: int, above: int) -> None:
    if x.numel() == 0 or above >= 2**63:
        return
    small, large = (int(end) for end in torch.aminmax(x))
    if small < lowest or large >= above:
        wrong = small if small < lowest else large
        raise ValueError(
            f"a number of the run is {wrong}, in its units, and was to be from {lowest} to {above - 1}: give the "
            "entry that it comes from wider bounds (small=)."
        )
