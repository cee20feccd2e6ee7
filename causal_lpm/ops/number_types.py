"""Which types of numbers the operations take, all real ones of torch, and what becomes of them."""

from typing import Any

import numpy as np
import torch

__all__ = ["common_shape", "numbers", "single_precision"]

_PLAIN = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
_PLAIN |= {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_WIDER = {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.int64}


def numbers(what: str, x: Any) -> torch.Tensor:
    """The numbers as a tensor of a type that torch computes with, of at least one dimension.

    Unsigned integers of 16 bits or more, which torch can only store, become signed ones that hold them. All else stays
    as it is, without a copy.

    Args:
        what: What they are, for the message.
        x: A number, a tensor, an array or a list.

    Raises:
        ValueError: complex numbers, floats of 8 bits, text or anything else that is not a number; integers from 2**63
            on.

    >>> numbers("ages", [3, 4]), numbers("ages", torch.tensor([7], dtype=torch.uint16)).dtype
    (tensor([3, 4]), torch.int32)
    """
    if type(x) is float:  # often, so on a short way
        return torch.tensor([x], dtype=torch.float64)
    given: torch.Tensor = x if isinstance(x, torch.Tensor) else _tensor(what, x)
    if given.dtype in _PLAIN:
        return given if given.dim() else given.reshape(1)
    if given.dtype in _WIDER:
        wider = given.to(_WIDER[given.dtype])
        if given.dtype == torch.uint64 and bool((wider < 0).any()):
            raise ValueError(f"{what} has integers from 2**63 on: give numbers that int64 holds.")
        return wider if wider.dim() else wider.reshape(1)
    raise ValueError(f"{what} came as {given.dtype}: give bool, integers or floats of 16 bits or more.")


def single_precision(what: str, x: Any) -> torch.Tensor:
    """The numbers as float32 of at least one dimension: fractions are rounded, whole numbers stay what they are.

    Infinity is a number here. Floats from 2**53 on, where doubles are rounded themselves, count as fractions.

    Args:
        what: What they are, for the message.
        x: A number, a tensor, an array or a list.

    Raises:
        ValueError: NaN; numbers beyond float32; whole numbers that float32 would change, all of them above 2**24;
            anything that is not a number.

    >>> single_precision("the day", 30), single_precision("the share", 0.1).dtype
    (tensor([30.]), torch.float32)
    """
    exact = numbers(what, x)
    rounded, known = exact.float(), exact.detach()
    if known.dtype == torch.float32:
        wrong = known.isnan()
    elif known.is_floating_point():
        whole = (known == known.trunc()) & (known.abs() < 2.0**53)
        wrong = torch.where(whole, rounded != known, known.isnan() | (rounded.isinf() & known.isfinite()))
    else:
        wrong = rounded.long() != known
    if bool(wrong.any()):
        raise ValueError(
            f"{what} is {known[wrong][:3].tolist()}, which float32 does not hold: give real numbers and no NaN, and "
            f"whole ones above 2**24 rounded or in larger units (the nearest is {rounded[wrong][0].item():.0f})."
        )
    return rounded


def common_shape(what: str, *shapes: torch.Size) -> torch.Size:
    """The shape that all broadcast to; raises ValueError where there is none.

    >>> common_shape("hazard and where", torch.Size([2, 1, 5]), torch.Size([3, 1]))
    torch.Size([2, 3, 5])
    """
    try:
        return torch.Size(np.broadcast_shapes(*map(tuple, shapes)))
    except ValueError:
        raise ValueError(
            f"{what} have shapes {', '.join(str(tuple(shape)) for shape in shapes)}, which do not fit together: give "
            "[*dims, agents or 1], with the same worlds, draws and replicates or 1 of them."
        ) from None


def _tensor(what: str, x: Any) -> torch.Tensor:
    try:
        return torch.as_tensor(np.asarray(x))  # torch would round Python's floats
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ValueError(
            f"{what} is {str(x)[:40]!r} ({type(x).__name__}): give numbers that 64 bits hold, or a tensor of them."
        ) from error
