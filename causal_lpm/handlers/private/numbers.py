"""Secrets and public numbers in one unit, so that they can be added, compared and multiplied."""

from typing import Any, TypeGuard

import torch
from torch import Tensor

from causal_lpm.handlers.private.errors import Unsupported
from causal_lpm.handlers.private.secret import LIMIT, Secret
from causal_lpm.handlers.private.share_layer import ShareLayer

__all__ = ["Whole", "aligned", "digits_after_point", "encoded", "layer_of", "made", "public_bounds", "result_type"]

FINE = 24
"""Binary digits after the point of a public float that has more."""

DIGITS = 22
"""Binary digits after the point to which a product with a public float is right."""

KEPT = 20
"""Binary digits after the point of what may not fit with more."""


def is_secret(x: object) -> TypeGuard[Secret]:
    """Whether a number is secret."""
    return isinstance(x, Secret)


def layer_of(*xs: object) -> ShareLayer:
    """The layer of the secrets among some numbers.

    Raises:
        ValueError: secrets of two layers.
    """
    layers = {id(x.layer): x.layer for x in xs if is_secret(x)}
    if len(layers) != 1:
        raise ValueError(f"secrets of {len(layers)} share layers meet: share all of a run under one.")
    return next(iter(layers.values()))


def result_type(*xs: Any) -> torch.dtype:
    """The type that torch gives a result."""
    stand = [torch.empty((1,) * x.dim(), dtype=x.dtype) if isinstance(x, Tensor) else x for x in xs]
    dtype = torch.result_type(stand[0], stand[1])
    for more in stand[2:]:
        dtype = torch.result_type(torch.empty(1, dtype=dtype), more)
    return dtype


def digits_after_point(x: Any, most: int = FINE) -> int:
    """Binary digits after the point that a public number needs, or `most`.

    >>> digits_after_point(3), digits_after_point(0.25), digits_after_point(0.1)
    (0, 2, 24)
    """
    if is_secret(x):
        return x.bits
    given = torch.as_tensor(x)
    if not given.is_floating_point():
        return 0
    given = given.double()
    if not bool(given.isfinite().all()):
        raise ValueError("a public number that meets a secret is NaN or infinite: look where it comes from.")
    for bits in (0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32):
        if bits >= most:
            break
        scaled = given * 2.0**bits
        if bool((scaled == scaled.round()).all()):
            return bits
    return most


def encoded(x: Any, bits: int) -> Tensor:
    """A public number in units of 2**-bits, int64, rounded; Unsupported for one that 64 bits do not hold."""
    given = torch.as_tensor(x)
    largest = float(given.double().abs().max()) if given.numel() else 0.0
    if largest * 2.0**bits >= 2.0**62:
        raise Unsupported(
            f"a public {largest:g} meets secrets with {bits} binary digits after the point, and 64 bits do not hold "
            "both: use a smaller number."
        )
    if not given.is_floating_point():
        return given.long() << bits
    return (given.double() * 2.0**bits).round().long()


def public_bounds(x: Tensor) -> tuple[int, int]:
    """The lowest and the highest of public whole numbers."""
    if x.numel() == 0:
        return 0, 0
    low, high = torch.aminmax(x)
    return int(low), int(high)


class Whole:
    """A number as whole units: the part or the public value, with its bounds."""

    def __init__(self, value: Tensor, low: int, high: int, public: bool) -> None:
        self.value, self.low, self.high, self.public = value, low, high, public

    def part(self, layer: ShareLayer) -> Tensor:
        """The part of this party."""
        return layer.public(self.value) if self.public else self.value


def whole(x: Any, bits: int) -> Whole:
    """A number in units of 2**-bits, of which a secret has no more."""
    if not is_secret(x):
        value = encoded(x, bits)
        return Whole(value, *public_bounds(value), public=True)
    shift = bits - x.bits
    return Whole(x.share << shift if shift else x.share, x.low << shift, x.high << shift, public=False)


def aligned(a: Any, b: Any) -> tuple[Whole, Whole, int]:
    """Two numbers in one unit: that of the finer, or a coarser one where their sum would not fit."""
    bits = max(digits_after_point(a), digits_after_point(b))
    for x in (a, b):
        if is_secret(x):
            room = (LIMIT // 2 // max(1, -x.low, x.high)).bit_length() - 1 + x.bits
        else:
            room = (LIMIT // 2 // max(1, *(abs(end) for end in public_bounds(encoded(x, 0))))).bit_length() - 1
        bits = min(bits, max(room, 0))
    a, b = (truncated(x, bits) if is_secret(x) else x for x in (a, b))
    return whole(a, bits), whole(b, bits), bits


def with_room(x: Secret, factor: int) -> Secret:
    """A secret with as many digits after the point as fit where it grows by a factor, but no fewer than `KEPT`."""
    excess = (max(-x.low, x.high, 0) * factor // LIMIT).bit_length()
    return truncated(x, max(x.bits - excess, min(x.bits, KEPT))) if excess else x


def truncated(x: Secret, bits: int) -> Secret:
    """A secret with no more than so many binary digits after the point, rounded down or up: one round."""
    drop = x.bits - bits
    if drop <= 0:
        return x
    share = x.layer.truncate(x.share, drop, x.width)
    return Secret(share, x.layer, x.dtype, bits, (x.low >> drop) - 1, (x.high >> drop) + 1)


def made(share: Tensor, like: ShareLayer, dtype: torch.dtype, bits: int, low: int, high: int) -> Secret:
    """A secret of a type; of bool, within 0 and 1."""
    if dtype == torch.bool:
        low, high = max(low, 0), min(high, 1)
    return Secret(share, like, dtype, bits, low, high)


def constant(x: Any, like: Secret, shape: torch.Size, dtype: torch.dtype) -> Secret:
    """A public number as a secret."""
    value = torch.as_tensor(x).expand(shape)
    bits = digits_after_point(value)
    units = encoded(value, bits)
    return made(like.layer.public(units), like.layer, dtype, bits, *public_bounds(units))
