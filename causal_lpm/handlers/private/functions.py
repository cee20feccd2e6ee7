"""Functions of secrets: looked up where they are functions of a small one, else made of sums and products."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.arithmetic import add, moved, multiply, not_, number, subtract
from causal_lpm.handlers.private.errors import Unsupported
from causal_lpm.handlers.private.numbers import encoded, truncated
from causal_lpm.handlers.private.order import at_most, of_table, table_of
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.shapes import converted, summed
from causal_lpm.handlers.private.table import implements

__all__ = ["exponential"]

aten = torch.ops.aten
DIGITS = 24
"""Binary digits after the point of what is computed."""

MOST_SQUARES = 8


def _looked_up(operation: Callable[[Tensor], Tensor], a: Secret) -> Secret | None:
    """The function by the table of its values, exact; None where there is none."""
    table = table_of(a)
    if table is None:
        return None
    values = operation(table[1])
    result = of_table(table[0], encoded(values, DIGITS), a.dtype, DIGITS, a.shape)
    result.source = table[0], values
    return result


@implements(aten.any)
def any_of(a: Secret, dim: int | None = None, keepdim: bool = False) -> Secret:
    """Whether one of them is not 0: a comparison of their number."""
    return _as_any(a, at_most(1, summed(number(converted(a, dtype=torch.bool)), dim, keepdim)))


def _as_any(a: Secret, holds: Secret) -> Secret:
    """In the type of torch's `any`, which is uint8 of uint8."""
    return converted(holds, dtype=torch.uint8) if a.dtype == torch.uint8 else holds


@implements(aten.all)
def all_of(a: Secret, dim: int | None = None, keepdim: bool = False) -> Secret:
    """Whether none of them is 0."""
    return _as_any(a, not_(any_of(not_(converted(a, dtype=torch.bool)), dim, keepdim)))


@implements(aten.exp)
def exponential(a: Secret) -> Secret:
    """By its series to the fourth power of a / 2**k, squared k times; right to 1e-4 of itself, or 2**-18."""
    if (known := _looked_up(torch.exp, a)) is not None:
        return known
    lowest, highest = a.low / 2.0**a.bits, a.high / 2.0**a.bits
    squares = max(0, int(max(-lowest, highest) * 4).bit_length())
    if squares > MOST_SQUARES:
        raise Unsupported(
            f"exp of a secret from {lowest:.3g} to {highest:.3g}: give its entries closer bounds (small=), so that it "
            f"is below {2.0 ** (MOST_SQUARES - 3):g} in size."
        )
    x = truncated(moved(truncated(a, DIGITS), -squares, a.dtype), DIGITS)
    square = truncated(multiply(x, x), DIGITS)
    rest = add(add(multiply(x, 1.0 / 6), multiply(square, 1.0 / 24)), 0.5)
    result = add(add(x, truncated(multiply(square, truncated(rest, DIGITS)), DIGITS)), 1.0)
    for left in reversed(range(squares)):
        result = truncated(multiply(result, result), DIGITS)
        low, high = (math.exp(end / 2.0**left) * 2.0**DIGITS for end in (lowest, highest))
        result = result.within(int(low * 0.99) - 64, int(high * 1.01) + 64)
    return result


@implements(aten.expm1)
def exponential_less_one(a: Secret) -> Any:
    """As the exponential function, less one."""
    known = _looked_up(torch.expm1, a)
    return subtract(exponential(a), 1.0) if known is None else known
