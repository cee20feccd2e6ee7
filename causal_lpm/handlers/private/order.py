"""Comparisons of secrets: exact on their units, and local where one side is public and the other small."""

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.arithmetic import not_, number, selected, xor
from causal_lpm.handlers.private.numbers import aligned, is_secret, layer_of, made, public_bounds
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.sharing import BITS, of_owner
from causal_lpm.handlers.private.table import implements

__all__ = ["at_most", "below", "equal", "of_table", "table_of"]

aten = torch.ops.aten


def table_of(x: Any) -> "tuple[Secret, Tensor] | None":
    """A small secret and the values of x for its numbers, where x is a public function of it."""
    if not is_secret(x):
        return None
    if x.source is not None and x.source[0].is_small:
        return x.source
    return (x, x.values()) if x.is_small else None


def of_table(source: Secret, table: Tensor, dtype: torch.dtype, bits: int = 0, shape: Sequence[int] = ()) -> Secret:
    """The entry of a public table `[..., values of the source]` of whole units, for each number of a small secret.

    Where the table is of what the source was expanded to, `shape` is the shape of that.
    """
    units = (source.units() * table.long()).sum(-1)
    units = units.expand(torch.broadcast_shapes(units.shape, shape))
    return made(units, source.layer, dtype, bits, *public_bounds(table.long()))


def _spread(y: Any) -> Any:
    return y[..., None] if isinstance(y, Tensor) and y.dim() else y


def _by_owner(operation: Any, a: Any, b: Any) -> Secret | None:
    """The truth values that each party finds for its own rows, where it knows one side, and the other is public."""
    x, y = (a, b) if is_secret(a) else (b, a)
    if is_secret(y) or x.owned is None:
        return None
    shape = broadcast(a, b)
    owned = x.owned.after(operation, *(None if each is x else each for each in (a, b)))
    owned = owned.after(lambda own: own.expand(*shape[:-1], own.shape[-1]), None)
    return of_owner(owned, x.layer, torch.bool, 0, 1)


def broadcast(*xs: Any) -> torch.Size:
    """The shape of what an elementwise operation makes of these numbers."""
    shape: torch.Size = torch.broadcast_shapes(*(x.shape for x in xs if isinstance(x, Tensor)))
    return shape


@implements(aten.lt)
def below(a: Any, b: Any) -> Secret:
    """Whether a < b."""
    if (known := _by_owner(operator.lt, a, b)) is not None:
        return known
    a, b = number(a), number(b)
    if not is_secret(b) and (table := table_of(a)):
        return of_table(table[0], table[1] < _spread(b), torch.bool, shape=broadcast(a, b))
    if not is_secret(a) and (table := table_of(b)):
        return of_table(table[0], _spread(a) < table[1], torch.bool, shape=broadcast(a, b))
    layer = layer_of(a, b)
    if is_secret(a) and is_secret(b):
        x, y, _ = aligned(a, b)
        return _negative(x.value - y.value, layer, x.low - y.high, x.high - y.low)
    secret, bound = (a, _rounded(b, a.bits, up=True)) if is_secret(a) else (b, _rounded(a, b.bits, up=False))
    if is_secret(a):  # x < c for whole x is x < ceil(c), and c beyond the bounds of x tells no more than the bounds
        bound = bound.clamp(secret.low, secret.high + 1)
        low, high = public_bounds(bound)
        return _negative(secret.share - layer.public(bound), layer, secret.low - high, secret.high - low)
    bound = bound.clamp(secret.low - 1, secret.high)  # c < x is floor(c) < x
    low, high = public_bounds(bound)
    return _negative(layer.public(bound) - secret.share, layer, low - secret.high, high - secret.low)


def _rounded(x: Any, bits: int, up: bool) -> Tensor:
    given = torch.as_tensor(x)
    if not given.is_floating_point():
        most = 2**62 >> bits
        return given.long().clamp(-most, most) << bits
    if bool(given.isnan().any()):
        raise ValueError("a public number that meets a secret is NaN: look where it comes from.")
    units = given.double() * 2.0**bits
    if bits >= BITS:  # the secret was rounded to the nearest, too: equal numbers stay equal
        units = units.round()
    return (units.ceil() if up else units.floor()).clamp(-(2.0**62), 2.0**62).long()


def _negative(share: Tensor, layer: Any, low: int, high: int) -> Secret:
    if high < 0 or low >= 0:  # known to everybody from the bounds
        answer = torch.full(share.shape, int(high < 0))
        return made(layer.public(answer), layer, torch.bool, 0, int(high < 0), int(high < 0))
    width = max(-low, high + 1).bit_length() + (1 if max(-low, high + 1).bit_count() > 1 else 0)
    return Secret(layer.negative(share, max(width, 1)), layer, torch.bool)


@implements(aten.gt)
def above(a: Any, b: Any) -> Secret:
    return below(b, a)


@implements(aten.ge)
def at_least(a: Any, b: Any) -> Secret:
    return not_(below(a, b))


@implements(aten.le)
def at_most(a: Any, b: Any) -> Secret:
    """Whether a <= b."""
    return not_(below(b, a))


@implements(aten.eq)
def equal(a: Any, b: Any) -> Secret:
    """Whether a == b."""
    if (found := _by_owner(operator.eq, a, b)) is not None:
        return found
    if not is_secret(a):
        a, b = b, a
    if a.dtype == torch.bool and (b.dtype if isinstance(b, Tensor) else type(b)) in (torch.bool, bool):
        return not_(xor(a, b))
    a, b = number(a), number(b)
    layer = layer_of(a, b)
    if not is_secret(b):
        if table := table_of(a):
            return of_table(table[0], table[1] == _spread(b), torch.bool, shape=broadcast(a, b))
        exact = torch.as_tensor(b).double() * 2.0**a.bits
        exact = exact.round() if a.bits >= BITS else exact
        bound = exact.round().clamp(-(2.0**62), 2.0**62).long()
        possible = (exact == exact.round()) & (bound >= a.low) & (bound <= a.high)
        bound = torch.where(possible, bound, torch.full_like(bound, a.low))
        low, high = public_bounds(bound)
        same = _zero(a.share - layer.public(bound), layer, a.low - high, a.high - low)
        return Secret(same.share * possible.long(), layer, torch.bool)
    x, y, _ = aligned(a, b)
    return _zero(x.value - y.value, layer, x.low - y.high, x.high - y.low)


def _zero(share: Tensor, layer: Any, low: int, high: int) -> Secret:
    if high < 0 or low > 0:
        return made(layer.public(torch.zeros_like(share)), layer, torch.bool, 0, 0, 0)
    return Secret(layer.is_zero(share, max(1, -low, high).bit_length()), layer, torch.bool)


@implements(aten.ne)
def unequal(a: Any, b: Any) -> Secret:
    return not_(equal(a, b))


@implements(aten.minimum)
def smaller(a: Any, b: Any) -> Secret:
    return selected(below(a, b), a, b)


@implements(aten.maximum)
def larger(a: Any, b: Any) -> Secret:
    return selected(below(a, b), b, a)


@implements(aten.clamp, aten.clamp_min, aten.clamp_max)
def clamped(a: Secret, min: Any = None, max: Any = None) -> Secret:
    numbers = not isinstance(min, Tensor) and not isinstance(max, Tensor)
    if a.is_small and numbers and not any(isinstance(x, float) for x in (a.values()[0].item(), min, max)):
        return of_table(a, torch.clamp(a.values(), min, max), a.dtype)
    if min is not None:
        a = selected(below(a, min), min, a)
    if max is not None:
        a = selected(below(max, a), max, a)
    return a
