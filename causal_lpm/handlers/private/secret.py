"""Secret: a tensor whose shape and type are public, and whose numbers no party has."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.errors import Leak, Unsupported
from causal_lpm.handlers.private.meeting import note_public
from causal_lpm.handlers.private.owned import Owned
from causal_lpm.handlers.private.share_layer import ShareLayer
from causal_lpm.handlers.private.table import TABLE

__all__ = ["LIMIT", "SMALL", "Secret", "bounds_of"]

SMALL = 6
"""Bits of the numbers that go through one truth table."""

LIMIT = 2**60
"""Units of a secret stay below in size, so that a sum of two, and a mask above it, fit into 64 bits."""

_LARGEST = 2**40
"""In units of a secret: what int64 and floats are taken to be below where nothing else is said."""


def bounds_of(dtype: torch.dtype, bits: int = 0) -> tuple[int, int]:
    """The lowest and the highest number of a type, in units of 2**-bits; of int64 and floats, what is taken for it.

    >>> bounds_of(torch.uint8), bounds_of(torch.bool)
    ((0, 255), (0, 1))
    """
    if dtype == torch.bool:
        return 0, 1
    if dtype.is_floating_point or dtype == torch.int64:
        most = max(_LARGEST, 1 << (bits + 20)) if dtype.is_floating_point else _LARGEST
        return -most, most
    return torch.iinfo(dtype).min, torch.iinfo(dtype).max


def sum_bounds(low: int, high: int, many: int) -> tuple[int, int]:
    """Between which the sum of up to so many numbers lies, of which each is from `low` to `high`.

    >>> sum_bounds(-1, 3, many=4), sum_bounds(2, 3, many=4)
    ((-4, 12), (0, 12))
    """
    return min(0, low) * many, max(0, high) * many


def _refuse(what: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise Leak(
            f"{what}: only a tally that is released leaves the shares; use torch.where, &, look_up or arithmetic."
        )

    return refuse


_AS_NUMBER = _refuse("a secret was used as a number, a condition or an index")
_AS_MEMORY = _refuse("the memory of a secret was asked for, to copy, write, send or share it")


class Secret(torch.Tensor):
    """One party's part of numbers that are the sum of all parts, modulo 2**64.

    torch's own code runs on it: each operator that it comes down to is looked up in a table, whether autograd, worlds,
    a recorder or a model has called it. What is not in the table raises `Unsupported`, what needs a value `Leak`.

    Floats are whole numbers in units of 2**-bits, with bits of each tensor's own. Public bounds tell how wide a
    comparison must be, and that a number cannot overflow. Of floats, bounds beyond 2**60 units are taken to be 2**60:
    numbers that go further, a product of fractions above 2**19 say, are wrong; `Clear` refuses them in a rehearsal.

    Args:
        share: int64, the part of this party.
        layer: The protocol that all parties follow.
        dtype: The type that it stands for.
        bits: Binary digits after the point; 0 for whole numbers.
        low: The lowest number that it can be, in its units; by default that of the type.
        high: The highest.

    >>> from causal_lpm.handlers.private.clear import Clear
    >>> Secret(torch.tensor([3, 1]), Clear(), torch.uint8) + 1
    Secret((2,), torch.uint8)
    """

    hidden = True
    share: Tensor
    layer: ShareLayer
    bits: int
    low: int
    high: int
    source: "tuple[Secret, Tensor] | None"
    """A small secret and the value of this one for each of its numbers, where it is a public function of it."""
    owned: Owned | None
    """What this party knows of its own rows, where each party does."""
    _kept: dict[tuple[int, int], Tensor]
    aliased: bool
    """Whether it is a view of another secret, or has views: what was noted of one would not hold for the other."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]
    __hash__ = torch.Tensor.__hash__

    def __new__(
        cls,
        share: Tensor,
        layer: ShareLayer,
        dtype: torch.dtype = torch.int64,
        bits: int = 0,
        low: int | None = None,
        high: int | None = None,
    ) -> "Secret":
        made: Any = torch.Tensor._make_wrapper_subclass(cls, share.shape, dtype=dtype, device=torch.device("cpu"))
        lowest, highest = bounds_of(dtype, bits)
        made.share, made.layer, made.bits = share, layer, bits
        made.low, made.high = lowest if low is None else low, highest if high is None else high
        made.source, made.owned, made._kept, made.aliased = None, None, {}, False
        if dtype.is_floating_point and bits:  # bounds multiply faster than numbers do, in derivatives above all
            made.low, made.high = max(made.low, 1 - LIMIT), min(made.high, LIMIT - 1)
        if max(-made.low, made.high) >= 2 * LIMIT:
            raise Unsupported(
                f"a secret {dtype} with {bits} binary digits after the point may reach 2**"
                f"{max(-made.low, made.high).bit_length()} units, more than 64 bits hold: give its entries closer "
                "bounds (small=), or multiply fewer of them."
            )
        result: Secret = made
        return result

    @property
    def width(self) -> int:
        """Bits of a number in its bounds, with a sign."""
        return max(-self.low, self.high + 1, 1).bit_length() + 1

    @property
    def size_bits(self) -> int:
        """Bits of the distance from its lower bound."""
        return max(1, (self.high - self.low).bit_length())

    @property
    def is_small(self) -> bool:
        """Whether it is a whole number that one truth table holds."""
        return self.bits == 0 and self.size_bits <= SMALL

    def units(self) -> Tensor:
        """Unit vectors `[*shape, number of values]` of a small secret, from `low` on; made once, in one round."""
        key = self.low, self.high
        if key not in self._kept:
            if key == (0, 1):
                one = self.layer.public(torch.ones_like(self.share))
                vectors = torch.stack([one - self.share, self.share], -1)
            else:
                lowest = self.layer.public(torch.full_like(self.share, self.low))
                vectors = self.layer.units(self.share - lowest, self.size_bits)[..., : self.high - self.low + 1]
            self._kept[key] = vectors
        return self._kept[key]

    def values(self) -> Tensor:
        """What the places of `units` stand for, in its own type."""
        return torch.arange(self.low, self.high + 1).to(self.dtype)

    def like(self, share: Tensor, dtype: torch.dtype | None = None) -> "Secret":
        """Another part, with the units and bounds of this one."""
        return Secret(share, self.layer, dtype or self.dtype, self.bits, self.low, self.high)

    def same_as(self, other: "Secret") -> "Secret":
        """This one, knowing that it has the numbers of `other`: unit vectors are made once for both."""
        self.source, self.owned = other.source, other.owned
        if (self.low, self.high, self.bits) == (other.low, other.high, other.bits):
            self._kept = other._kept
        return self

    def within(self, low: int, high: int) -> "Secret":
        """The same numbers with closer bounds, in its units: who gives them knows that they hold."""
        low, high = max(low, self.low), min(high, self.high)
        self.layer.promised(self.share, low, high)
        return Secret(self.share, self.layer, self.dtype, self.bits, low, high).same_as(self)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        if kwargs and "out" in kwargs:
            raise Leak("a secret would be written into a given tensor (out=): use an operation that makes a new one.")
        version = TABLE.get(func.overloadpacket)
        if version is None:
            raise Unsupported(
                f"{func.overloadpacket} has no version on secrets: use sums, products, comparisons, torch.where or "
                "look_up, or release a total first."
            )
        note_public(func, (args, kwargs))
        return version(*args, **(kwargs or {}))

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"Secret({tuple(self.shape)}, {self.dtype})"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __deepcopy__(self, memo: Any) -> "Secret":
        return self.like(self.share.clone()).same_as(self)

    __copy__ = torch.Tensor.clone
    __bool__ = __float__ = __int__ = __index__ = __complex__ = _AS_NUMBER
    __array__ = item = tolist = numpy = __contains__ = _AS_NUMBER
    __dlpack__ = __dlpack_device__ = share_memory_ = is_shared = data_ptr = _AS_MEMORY
    untyped_storage = storage = _typed_storage = __reduce_ex__ = __reduce__ = _AS_MEMORY
    __cuda_array_interface__ = __array_interface__ = property(_AS_MEMORY)
    pin_memory = cuda = set_ = _AS_MEMORY
