"""Sums over contacts are linear: each party runs the package's kernels on its own part, without a message."""

from collections.abc import Callable
from typing import Any

import torch

import causal_lpm.kernels  # noqa: F401  # defines the operators
from causal_lpm.handlers.private.errors import Leak
from causal_lpm.handlers.private.numbers import is_secret, with_room
from causal_lpm.handlers.private.secret import Secret, sum_bounds
from causal_lpm.handlers.private.table import implements
from causal_lpm.kernels.library import TOTALS, operators
from causal_lpm.kernels.whole_sums import known_small

__all__ = ["received_sum"]


def _total(name: str) -> Callable[..., Secret]:
    operator = getattr(operators, name)

    def total(x: Any, *others: Any) -> Secret:
        if not is_secret(x) or any(is_secret(other) for other in others):
            raise Leak("a secret takes part in who meets whom: use Candidates(src, dst, weights=secret).")
        with known_small():  # sums modulo 2**64 are meant to wrap around
            most = operator(torch.ones(x.shape[-1], dtype=torch.int64), *others)  # contacts are public
            received = max(0, int(most.max())) if most.numel() else 0
            x = with_room(x, received)
            share = operator(x.share, *others)
        return received_sum(x, share, received)

    return total


def received_sum(x: Secret, share: torch.Tensor, most: int) -> Secret:
    """The part of sums over at most so many contacts, who send numbers such as those of x, with the type of sums."""
    dtype = x.dtype if x.is_floating_point() else torch.int32 if x.dtype == torch.bool else torch.int64
    return Secret(share, x.layer, dtype, x.bits, *sum_bounds(x.low, x.high, most))


for _name in TOTALS:
    implements(getattr(operators, _name))(_total(_name))
