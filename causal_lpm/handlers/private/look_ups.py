"""The entry of a table at a secret place: a sum over unit vectors, of one digit or of two."""

import torch
from torch import Tensor

from causal_lpm.handlers.private.numbers import digits_after_point, encoded, is_secret, made, public_bounds
from causal_lpm.handlers.private.order import of_table
from causal_lpm.handlers.private.secret import SMALL, Secret
from causal_lpm.handlers.private.sharing import BITS

__all__ = ["entries"]


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
