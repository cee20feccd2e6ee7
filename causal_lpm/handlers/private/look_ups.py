"""The entry of a table at a secret place: a sum over unit vectors, of one digit or of two."""

from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.arithmetic import add, number, subtract
from causal_lpm.handlers.private.errors import Unsupported
from causal_lpm.handlers.private.numbers import constant, digits_after_point, encoded, is_secret, made, public_bounds
from causal_lpm.handlers.private.order import at_most, of_table
from causal_lpm.handlers.private.secret import SMALL, Secret
from causal_lpm.handlers.private.sharing import BITS, of_owner
from causal_lpm.handlers.private.table import implements

__all__ = ["entries", "places_among"]

aten = torch.ops.aten


def entries(table: Tensor, index: Secret) -> Secret:
    """As `look_up`: the table's length bounds the index, which nobody can check.

    One round for up to 64 entries, and none where the unit vectors of the index are there; two for more. A table of
    secrets takes one round more.

    Args:
        table: Public or secret, `[K]` or `[*dims, agents or 1, K]`.
        index: `[*dims, agents]`, whole numbers.
    """
    many = table.shape[-1]
    place = index.within(0, many - 1)
    if is_secret(table):
        vectors = place.units()
        wide = table.share[..., place.low : place.high + 1]
        (terms,) = place.layer.product((vectors, wide))
        return made(terms.sum(-1), place.layer, table.dtype, table.bits, min(0, table.low), max(0, table.high))
    bits = digits_after_point(table, BITS)
    units = encoded(table, bits)
    if not place.is_small:
        share = _large(place, units)
        return made(share, place.layer, table.dtype, bits, *public_bounds(units))
    here = table[..., place.low : place.high + 1]
    result = of_table(place, units[..., place.low : place.high + 1], table.dtype, bits)
    if table.is_floating_point():
        result.source = place, here
    return result


@implements(aten.searchsorted, aten.bucketize)
def places_among(boundaries: Tensor, x: Any, *, out_int32: bool = False, right: bool = False, **options: Any) -> Secret:
    """How many public boundaries, which rise, lie at or below a secret (`right`); bit by bit, or by who knows it."""
    if is_secret(boundaries) or not right or boundaries.dim() != 1:
        raise Unsupported("searchsorted on secrets: give public boundaries in one dimension, and right=True.")
    many = boundaries.shape[0]
    if x.owned is not None:
        owned = x.owned.after(lambda values: torch.searchsorted(boundaries, values.contiguous(), right=True), None)
        return of_owner(owned, x.layer, torch.int64, 0, many)
    bits = many.bit_length()
    # Place p is at least c where boundary c - 1 lies at or below x; places beyond the last have none.
    beyond = max(x.high / 2.0**x.bits, float(boundaries.max()) if many else 0.0) + 1.0
    padded = torch.cat([boundaries.double(), torch.full(((1 << bits) - many,), beyond, dtype=torch.float64)])
    place = constant(0, x, x.shape, torch.int64)
    for bit in reversed(range(bits)):
        tried = add(place, 1 << bit)
        reached = at_most(entries(padded, subtract(tried, 1)), x)
        step = number(reached)
        place = add(place, made(step.share << bit, x.layer, torch.int64, 0, 0, 1 << bit))
    return place.within(0, many)


def _large(place: Secret, units: Tensor) -> Tensor:
    """Of a table with two digits: for each high digit the entry at the low one, a local sum; then one of these."""
    layer, many = place.layer, units.shape[-1]
    width = max(SMALL + 1, (many - 1).bit_length())
    padded = torch.nn.functional.pad(units, (0, (1 << width) - many))
    shift, low, high = layer.digit_units(place.share, SMALL, width - SMALL)
    columns = []
    for digit in range(1 << (width - SMALL)):
        where = (shift[..., None] + torch.arange(1 << SMALL) + (digit << SMALL)) & ((1 << width) - 1)
        found = padded[where] if padded.dim() == 1 else padded.expand(*where.shape[:-1], 1 << width).gather(-1, where)
        columns.append((found * low).sum(-1))
    (terms,) = layer.product((high, torch.stack(columns, -1)))
    return terms.sum(-1)
