"""Sums, products and logic of secrets: sums are local, a product of two secrets takes a round."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.errors import INTO_PUBLIC, ON_A_VIEW, Leak, Unsupported
from causal_lpm.handlers.private.numbers import (
    DIGITS,
    KEPT,
    aligned,
    digits_after_point,
    encoded,
    is_secret,
    layer_of,
    made,
    public_bounds,
    result_type,
    truncated,
)
from causal_lpm.handlers.private.secret import LIMIT, Secret
from causal_lpm.handlers.private.table import implements
from causal_lpm.handlers.private.wrapping import wrapped

__all__ = ["add", "moved", "multiply", "negated", "not_", "number", "selected", "with_source"]

aten = torch.ops.aten
EXACT = 30
"""A public factor has no more binary digits after the point."""


def with_source(result: Secret, operation: Callable[..., Tensor], *operands: Any) -> Secret:
    """`result`, an operation on secrets and public numbers, as a function of the one small or owned secret in it.

    Its values are computed by torch itself, in the types of the plain run: a comparison with them is exact.
    """
    secrets = [x for x in operands if is_secret(x)]
    if len(secrets) != 1:
        return result
    (x,) = secrets
    if x.owned is not None:
        result.owned = x.owned.after(operation, *(None if y is x else y for y in operands))
    if not result.dtype.is_floating_point:
        return result
    if x.source is None and not x.is_small:
        return result
    source, values = x.source or (x, x.values())
    public = [values if y is x else y[..., None] if isinstance(y, Tensor) and y.dim() else y for y in operands]
    result.source = source, operation(*public)
    return result


def number(x: Any) -> Any:
    """A truth value as a whole number; all else as it is."""
    if isinstance(x, Tensor) and x.dtype == torch.bool:
        if not is_secret(x):
            return x.long()
        whole = Secret(x.share, x.layer, torch.int64, 0, 0, 1).same_as(x)
        whole.owned = None if x.owned is None else x.owned.after(torch.Tensor.long, None)
        return whole
    return int(x) if isinstance(x, bool) else x


@implements(aten.add)
def add(a: Any, b: Any, *, alpha: Any = 1) -> Secret:
    """The sum a + alpha b: local."""
    dtype = result_type(a, b)
    if dtype == torch.bool:
        return or_(a, b)
    layer = layer_of(a, b)
    if alpha == 1:
        b_times = b
    else:  # in the type of the sum, which wraps around once, at the end
        b_times = (
            multiply(wider(b, torch.promote_types(dtype, torch.int64)), alpha)
            if is_secret(b)
            else torch.as_tensor(b, dtype=dtype) * alpha
        )
    x, y, bits = aligned(a, b_times)
    result = wrapped(made(x.part(layer) + y.part(layer), layer, dtype, bits, x.low + y.low, x.high + y.high))
    return with_source(result, torch.add, a, b_times)


@implements(aten.neg)
def negated(a: Secret) -> Secret:
    """-a: local."""
    return with_source(wrapped(made(-a.share, a.layer, a.dtype, a.bits, -a.high, -a.low)), torch.neg, a)


def wider(a: Secret, dtype: torch.dtype) -> Secret:
    """The numbers in a type that holds them all."""
    return Secret(a.share, a.layer, dtype, a.bits, a.low, a.high)


@implements(aten.sub)
def subtract(a: Any, b: Any, *, alpha: Any = 1) -> Secret:
    return add(a, b, alpha=-alpha)


@implements(aten.rsub)
def subtract_from(a: Any, b: Any, alpha: Any = 1) -> Secret:
    return subtract(b, a, alpha=alpha)


@implements(aten.mul)
def multiply(a: Any, b: Any) -> Secret:
    """The product a b: local where one is public, a round of two secrets, and one more where digits are dropped."""
    dtype, layer = result_type(a, b), layer_of(a, b)
    if is_secret(a) and is_secret(b):
        if _is_bit(a) and _is_bit(b):
            (both,) = layer.both((a.share, b.share))
            return made(both, layer, dtype, 0, 0, 1)
        a, b = _with_room(a, b)
        (product,) = layer.product((a.share, b.share))
        return wrapped(made(product, layer, dtype, a.bits + b.bits, *_product_bounds(a.low, a.high, b.low, b.high)))
    x, y = (a, b) if is_secret(a) else (b, a)
    if (power := _power_of_two(y)) is not None and x.dtype.is_floating_point:
        whole = moved(x, power, dtype)
        shape = torch.broadcast_shapes(x.shape, y.shape) if isinstance(y, Tensor) else x.shape
        return with_source(whole.like(whole.share.expand(shape)), torch.mul, x, y)
    largest = max(-x.low, x.high, 1) >> x.bits
    bits = digits_after_point(y, min(EXACT, DIGITS + largest.bit_length()))
    factor = encoded(y, bits)
    low, high = _product_bounds(x.low, x.high, *public_bounds(factor))
    if max(-low, high) >= LIMIT and (x.bits or bits):
        fewer, bits = _shorter(x.bits, bits, max(-low, high))
        x = truncated(x, fewer)
        factor = encoded(y, bits)
        low, high = _product_bounds(x.low, x.high, *public_bounds(factor))
    return with_source(wrapped(made(x.share * factor, layer, dtype, x.bits + bits, low, high)), torch.mul, x, y)


def _is_bit(x: Secret) -> bool:
    return x.bits == 0 and x.low >= 0 and x.high <= 1


def _product_bounds(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    ends = (a * c, a * d, b * c, b * d)
    return min(ends), max(ends)


def _with_room(a: Secret, b: Secret) -> tuple[Secret, Secret]:
    """The factors with fewer digits after the point where their product may not fit."""
    first, second = _shorter(a.bits, b.bits, max(-a.low, a.high, 1) * max(-b.low, b.high, 1))
    return truncated(a, first), truncated(b, second)


def _shorter(first: int, second: int, product: int) -> tuple[int, int]:
    """Digits after the point of two factors, so that their product fits: the longer gives first, down to `KEPT`."""
    excess = (4 * product // LIMIT).bit_length() if product >= LIMIT else 0
    while excess > 0 and max(first, second) > KEPT:
        first, second = (first - 1, second) if first >= second else (first, second - 1)
        excess -= 1
    return first, second


def _power_of_two(y: Any) -> int | None:
    """The exponent of a public power of two, None of all else."""
    if (isinstance(y, Tensor) and y.numel() != 1) or not isinstance(y, Tensor | float | int):
        return None
    value = float(y.detach() if isinstance(y, Tensor) else y)
    if value <= 0 or value == float("inf"):
        return None
    mantissa, exponent = torch.frexp(torch.tensor(value, dtype=torch.float64))
    return int(exponent) - 1 if float(mantissa) == 0.5 else None


def moved(x: Secret, power: int, dtype: torch.dtype) -> Secret:
    """A float times 2**power: the point moves, and no digit is lost."""
    if power <= x.bits:
        return made(x.share, x.layer, dtype, x.bits - power, x.low, x.high)
    shift = power - x.bits
    return made(x.share << shift, x.layer, dtype, 0, x.low << shift, x.high << shift)


@implements(aten.div)
def divide(a: Any, b: Any, *, rounding_mode: str | None = None) -> Secret:
    if is_secret(b) or rounding_mode is not None:
        raise Unsupported(
            "a secret is divided by a secret, or to a whole number: multiply by a public reciprocal, or divide totals "
            "after their release."
        )
    wide = torch.as_tensor(b).double()
    result = multiply(a, 1.0 / wide if wide.dim() else 1.0 / float(wide))
    dtype = result_type(a, b)
    float_type = dtype if dtype.is_floating_point else torch.get_default_dtype()
    plain = Secret(result.share, result.layer, float_type, result.bits, result.low, result.high)
    return with_source(plain, torch.div, a, b)


@implements(aten.bitwise_and, aten.logical_and)
def and_(a: Any, b: Any) -> Secret:
    _only_bools("&", a, b)
    return multiply(a, b)


@implements(aten.bitwise_or, aten.logical_or)
def or_(a: Any, b: Any) -> Secret:
    _only_bools("|", a, b)
    return _less_product(a, b, 1)


@implements(aten.bitwise_xor, aten.logical_xor)
def xor(a: Any, b: Any) -> Secret:
    """Whether one of two truth values holds, and not both."""
    _only_bools("^", a, b)
    return _less_product(a, b, 2)


def _less_product(a: Any, b: Any, times: int) -> Secret:
    """The sum a + b - times a b."""
    total, product = add(number(a), number(b)), multiply(a, b)
    return Secret(total.share - times * product.share, product.layer, torch.bool)


@implements(aten.bitwise_not, aten.logical_not)
def not_(a: Secret) -> Secret:
    """Whether a truth value is false: local."""
    _only_bools("~", a)
    one = a.layer.public(torch.ones_like(a.share))
    return Secret(one - a.share, a.layer, torch.bool)


def _only_bools(sign: str, *xs: Any) -> None:
    for x in xs:
        if (x.dtype if isinstance(x, Tensor) else type(x)) not in (torch.bool, bool):
            raise Unsupported(f"{sign} of secret numbers: it is there for truth values; write numbers as sums.")


@implements(aten.where)
def selected(condition: Any, x: Any, y: Any) -> Secret:
    """The numbers x where a condition holds, else y."""
    dtype, layer = result_type(x, y), layer_of(condition, x, y)
    a, b, bits = aligned(number(x), number(y))
    if bits < min(KEPT, max(digits_after_point(each) for each in (x, y))):
        raise Unsupported("torch.where of fractions and of a number so large that they keep no digits: use a smaller.")
    low, high = min(a.low, b.low), max(a.high, b.high)
    if not is_secret(condition):
        holds = condition.long()
        return made(a.part(layer) * holds + b.part(layer) * (1 - holds), layer, dtype, bits, low, high)
    if a.public and b.public:
        share = condition.share * (a.value - b.value) + layer.public(b.value)
    else:
        difference = a.part(layer) - b.part(layer)
        bit = min(a.low - b.high, 0) >= 0 and max(a.high - b.low, 0) <= 1
        product = layer.both if bit else layer.product
        share = product((condition.share, difference))[0] + b.part(layer)
    result = made(share, layer, dtype, bits, low, high)
    if a.public and b.public:
        return with_source(result, lambda c, p, q: torch.where(c.bool(), p, q), condition, x, y)
    return result


@implements(aten.pow)
def power(a: Any, exponent: Any) -> Secret:
    if isinstance(exponent, Tensor) or exponent != 2:
        raise Unsupported("a secret to another power than 2: write it as products.")
    square = multiply(a, a)
    return square if square.dtype == (dtype := result_type(a, exponent)) else wider(square, dtype)


@implements(aten.add_)
def add_in_place(a: Any, b: Any, *, alpha: Any = 1) -> Secret:
    return _replaced(a, add(a, b, alpha=alpha))


@implements(aten.mul_)
def multiply_in_place(a: Any, b: Any) -> Secret:
    return _replaced(a, multiply(a, b))


def check_in_place(a: Any) -> None:
    """Raises where something may not be written into: it is public, or a view."""
    if not is_secret(a):
        raise Leak(INTO_PUBLIC)
    if a.aliased:
        raise Unsupported(ON_A_VIEW)


def _replaced(a: Any, new: Secret) -> Secret:
    check_in_place(a)
    if new.shape != a.shape or new.share.data_ptr() == a.share.data_ptr():
        raise Unsupported(ON_A_VIEW)
    if new.dtype != a.dtype:
        new = wrapped(wider(new, a.dtype))
    a.share, a.bits, a.low, a.high, a.source = new.share, new.bits, new.low, new.high, None
    a.owned, a._kept = None, {}
    result: Secret = a
    return result
