"""Into the shares and out of them: rows of each party become secrets, and what may be released becomes public."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.numbers import encoded
from causal_lpm.handlers.private.owned import Blocks, Owned
from causal_lpm.handlers.private.secret import Secret, bounds_of
from causal_lpm.handlers.private.share_layer import ShareLayer

__all__ = ["BITS", "checked_blocks", "closer_bounds", "of_owner", "opened", "reveal", "share"]

BITS = 20
"""Binary digits after the point of a shared float, as of messages between agents (`ops.exposure.FIXED_POINT`)."""


def checked_blocks(blocks: Blocks, parties: int) -> Blocks:
    """The blocks, one a party and without gaps; else raises ValueError."""
    ends = [0, *(end for _, end in blocks)]
    gaps = any(first != before or end < first for (first, end), before in zip(blocks, ends, strict=False))
    if len(blocks) != parties or gaps:
        raise ValueError(
            f"the rows of the parties are {list(blocks)} for {parties} parties: give each its rows (first, end), in "
            "order and without gaps."
        )
    return blocks


def share(
    layer: ShareLayer,
    mine: Tensor,
    blocks: Blocks,
    low: int | None = None,
    high: int | None = None,
    bits: int = BITS,
) -> Secret:
    """Each party gives its own rows, and gets its part of everybody's; no message.

    Args:
        layer: Of this party.
        mine: `[*dims, own rows]`, bool, integers or floats.
        blocks: The rows of each party.
        low: The lowest whole number that any party may give; by default that of the type.
        high: The highest.
        bits: Binary digits after the point that are kept of floats.

    Raises:
        ValueError: another number of rows, NaN or infinity, a number outside of the bounds.

    >>> from causal_lpm.handlers.private.clear import Clear
    >>> share(Clear(), torch.tensor([0, 2, 1]), [(0, 3)], low=0, high=2)
    Secret((3,), torch.int64)
    """
    first, end = checked_blocks(blocks, layer.parties)[layer.rank]
    if mine.shape[-1] != end - first:
        raise ValueError(f"this party has the rows {first} to {end - 1} and gave {mine.shape[-1]}: give one an agent.")
    digits = bits if mine.is_floating_point() else 0
    if digits and not bool(mine.isfinite().all()):
        raise ValueError("what is shared has NaN or infinity: fill it in, or leave those agents out.")
    lowest, highest = bounds_of(mine.dtype, digits)
    lowest = lowest if low is None else low << digits
    highest = highest if high is None else high << digits
    units = encoded(mine, digits)
    if units.numel() and not lowest <= int(units.min()) <= int(units.max()) <= highest:
        raise ValueError(
            f"what is shared runs from {float(mine.min()):g} to {float(mine.max()):g}, and {lowest >> digits} to "
            f"{highest >> digits} were agreed on: give numbers within them, or all parties wider bounds."
        )
    return Secret(_part(units, blocks, layer.rank), layer, mine.dtype, digits, lowest, highest)


def of_owner(owned: Owned, layer: ShareLayer, dtype: torch.dtype, low: int, high: int) -> Secret:
    """What each party knows of its own rows, whole numbers within public bounds, as a secret; no message."""
    made = Secret(_part(owned.values.long(), owned.blocks, owned.rank), layer, dtype, 0, low, high)
    made.owned = owned
    return made


def _part(mine: Tensor, blocks: Blocks, rank: int) -> Tensor:
    """Rows of everybody, of which a party has its own, and 0 for the others."""
    first, end = blocks[rank]
    part = torch.zeros((*mine.shape[:-1], blocks[-1][1]), dtype=torch.int64)
    part[..., first:end] = mine
    return part


def decoded(units: Tensor, secret: Secret) -> Tensor:
    """Opened units as numbers: bool, int64 or float64."""
    if secret.is_floating_point():
        return units.double() / 2.0**secret.bits
    return units.bool() if secret.dtype == torch.bool else units


class _Opened(torch.autograd.Function):
    """The number of a secret; what comes back is public, and goes on as a secret."""

    @staticmethod
    def forward(ctx: Any, secret: Tensor, units: Tensor) -> Tensor:
        assert isinstance(secret, Secret)
        ctx.layer = secret.layer
        return decoded(units, secret)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor, None]:
        return _constant(gradient[0], ctx.layer), None


class _Closer(torch.autograd.Function):
    """The same numbers with closer bounds, through which derivatives pass."""

    @staticmethod
    def forward(ctx: Any, secret: Tensor, low: int, high: int) -> Tensor:
        assert isinstance(secret, Secret)
        return secret.within(low, high)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient[0], None, None


def closer_bounds(secret: Secret, low: int, high: int) -> Secret:
    """`Secret.within`, for secrets that have a derivative too."""
    if not secret.requires_grad:
        return secret.within(low, high)
    result: Secret = _Closer.apply(secret, low, high)  # type: ignore[no-untyped-call]
    return result


def _constant(x: Tensor, layer: ShareLayer) -> Secret:
    units = encoded(x, BITS)
    low, high = torch.aminmax(units)
    return Secret(layer.public(units), layer, x.dtype, BITS, int(low), int(high))


def opened(secrets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The numbers of secrets, for every party, in one round; derivatives of what is made of them go back into shares.

    Nothing is asked here: `Private` asks its `release` before, and whoever else calls this answers for it.
    """
    own = {name: x for name, x in secrets.items() if isinstance(x, Secret)}
    if not own:
        return {}
    layer = next(iter(own.values())).layer
    units = dict(zip(own, layer.open(*(x.share for x in own.values())), strict=True))
    return {
        name: _Opened.apply(x, units[name]) if x.requires_grad else decoded(units[name], x)  # type: ignore[no-untyped-call]
        for name, x in own.items()
    }


def reveal(secret: Tensor) -> Tensor:
    """The number of one secret, for every party: see `opened`.

    >>> from causal_lpm.handlers.private.clear import Clear
    >>> reveal(share(Clear(), torch.tensor([0.5, 2.0]), [(0, 2)]))
    tensor([0.5000, 2.0000], dtype=torch.float64)
    """
    return opened({"": secret})[""]
