"""What a protocol on shares must offer: whole numbers modulo 2**64, each party holding a part of a sum."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor

from causal_lpm.handlers.private.channel import Cost

__all__ = ["ShareLayer", "Width"]

Width = int
"""Bits. A number of a width is in -2**(width - 1) to 2**(width - 1) - 1, which is known of it in public."""


class ShareLayer(ABC):
    """Operations on the int64 parts of one party; sums, and products with public numbers, need none of them.

    All parties call the same operations in the same order. Nothing here knows of fixed point, models or torch's types.

    Attributes:
        rank: This party's number, 0 where there is one.
        parties: How many there are.
        cost: What was spent.
        meets: Takes a hash of what is public and has met a secret, where parties compare it.
    """

    rank: int = 0
    parties: int = 1

    def __init__(self) -> None:
        self.cost = Cost()
        self.meets: Callable[[bytes], None] | None = None

    def public(self, x: Tensor) -> Tensor:
        """A public number as a part: party 0 has it, the others have 0."""
        return x if self.rank == 0 else x.new_zeros(()).expand(x.shape)

    def promised(self, x: Tensor, low: int, high: int) -> None:  # noqa: B027
        """Takes note that numbers lie between two whole ones; only a layer that sees them can raise ValueError."""

    @abstractmethod
    def open(self, *shares: Tensor) -> list[Tensor]:
        """The numbers themselves, for every party; one round, under a fresh sharing of zero."""

    @abstractmethod
    def product(self, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
        """Products of pairs that broadcast; one round for all."""

    @abstractmethod
    def both(self, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
        """Products of pairs of 0 and 1; one round for all."""

    @abstractmethod
    def units(self, x: Tensor, bits: int, words: int = 64) -> Tensor:
        """Unit vectors `[*shape, 2**bits]` of numbers from 0 to 2**bits - 1, by a truth table that is used once.

        A number outside gives the vector of its remainder.

        Args:
            x: The numbers.
            bits: Their bits.
            words: 16, 32 or 64: vectors are shared modulo 2**words, and what is made of them means no more.
        """

    @abstractmethod
    def digit_units(self, x: Tensor, low: int, high: int) -> tuple[Tensor, Tensor, Tensor]:
        """For a look-up in a large table: a public shift d, and unit vectors of the two digits of (x - d) modulo.

        Args:
            x: Numbers from 0 to 2**(low + high) - 1.
            low: Bits of the low digit.
            high: Bits of the high digit.

        Returns:
            d, `[*shape, 2**low]` and `[*shape, 2**high]`.
        """

    @abstractmethod
    def negative(self, x: Tensor, width: Width) -> Tensor:
        """1 where a number of a width is below 0, else 0."""

    @abstractmethod
    def is_zero(self, x: Tensor, width: Width) -> Tensor:
        """1 where a number between -2**width and 2**width, both excluded, is 0; else 0."""

    @abstractmethod
    def truncate(self, x: Tensor, bits: int, width: Width) -> Tensor:
        """A number of a width without its low bits: divided by 2**bits, rounded down or up."""

    @abstractmethod
    def noise(self, kind: str, bits: int, shape: Sequence[int]) -> Tensor:
        """Noise that no party knows, in units of 2**-bits and rounded down."""

    @abstractmethod
    def outcome(self, hazard: Tensor, shape: Sequence[int]) -> Tensor:
        """Whether events with a public hazard happen, 0 or 1, by noise that no party knows.

        Args:
            hazard: Of the shape of the outcome.
            shape: Of the noise, which broadcasts to it.
        """

    @abstractmethod
    def threshold(self, table: Tensor, shape: Sequence[int], noise: Sequence[int]) -> Tensor:
        """How many entries of a rising public table do not exceed exponential noise that no party knows.

        Args:
            table: Hazards `[*dims, agents or 1, K]` or `[K]`.
            shape: Of the answer, `[*dims, agents]`.
            noise: Shape of the noise, which broadcasts to it.
        """
