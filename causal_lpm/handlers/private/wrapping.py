"""Whole numbers of a narrow type wrap around as torch's do: 0 - 1 is 255 of uint8."""

import torch

from causal_lpm.handlers.private.secret import Secret, bounds_of

__all__ = ["wrapped"]


def wrapped(x: Secret) -> Secret:
    """The number as its type has it; no message where public bounds say that it fits, as with `small=`.

    >>> from causal_lpm.handlers.private.clear import Clear
    >>> wrapped(Secret(torch.tensor([-1, 5, 300]), Clear(), torch.uint8, 0, -1, 300)).share
    tensor([255,   5,  44])
    """
    if x.dtype.is_floating_point or x.dtype in (torch.bool, torch.int64) or x.bits:
        return x
    lowest, highest = bounds_of(x.dtype)
    if lowest <= x.low and x.high <= highest:
        return x
    span, layer = highest - lowest + 1, x.layer

    def public(number: int) -> torch.Tensor:
        return layer.public(torch.full_like(x.share, number))

    def negative(share: torch.Tensor, low: int, high: int) -> torch.Tensor:
        return layer.negative(share, max(-low, high + 1, 1).bit_length() + 1)

    share, low, high = x.share - public(lowest), x.low - lowest, x.high - lowest
    if low < -span or high >= 2 * span:  # further than one turn: whole turns are taken off, or one too many
        turn = span.bit_length() - 1
        turns = layer.truncate(share, turn, max(-low, high + 1).bit_length() + 1)
        share, low, high = share - (turns << turn), -span, span - 1
    if low < 0:
        share, low, high = share + span * negative(share, low, high), 0, max(high, span - 1)
    if high >= span:
        share = share - span * (public(1) - negative(share - public(span), low - span, high - span))
    return Secret(share + public(lowest), layer, x.dtype, 0, lowest, highest)
