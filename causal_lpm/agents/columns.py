"""Columns that users give, one value an agent: what is a number, a yes or no, or a seed, and what is refused."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from causal_lpm.ops.looking import check

MOST = 2**31 - 1
"""The largest agent or group number is below this: they are stored as int32."""

UNCOMPUTABLE = (torch.uint16, torch.uint32, torch.uint64)
"""Types that torch stores, and neither compares nor sorts."""


def whole_numbers(
    name: str,
    x: Any,
    lowest: int,
    highest: int = MOST,
    dtype: torch.dtype = torch.int32,
    empty: bool = False,
    people: str = "people",
) -> Tensor:
    """The column as whole numbers in one dimension within the limits, contiguous.

    Args:
        name: Of the column, for the message.
        x: A tensor, an array, a list or a column of a table, of any integer type; floats where they are whole numbers
            that the type tells apart (below 2**24 in float32).
        lowest: The smallest number that is allowed.
        highest: The largest.
        dtype: Of the result; it holds both.
        empty: Whether the column may be empty.
        people: What the numbers stand for, for the message about text.

    Raises:
        ValueError: text, bool, fractions, NaN, another number of dimensions, or numbers outside the limits.

    >>> whole_numbers("src", ["P1", "P2"], lowest=0)
    Traceback (most recent call last):
    ValueError: src is ['P1', 'P2']: give whole numbers; number the people from 0.
    """
    values = _tensor(name, x, people)
    if values.dim() != 1 or (values.shape[0] == 0 and not empty):
        raise ValueError(f"{name} has shape {tuple(values.shape)}: give one dimension with at least one entry.")
    if values.numel() == 0:
        return values.to(dtype)
    if values.dtype == torch.bool or values.is_complex() or (values.is_floating_point() and not _exact(values)):
        raise ValueError(
            f"{name} is {shortly(values)} of type {values.dtype}: give whole numbers, of an integer type such as int64."
        )
    if values.dtype in UNCOMPUTABLE:
        values = torch.from_numpy(computable(name, values.cpu().numpy())).to(values.device)
    check(
        (values,),
        lambda: int(values.min()) >= lowest and int(values.max()) <= highest,
        lambda: (
            f"{name} contains {shortly(values[(values < lowest) | (values > highest)])}: allowed are whole numbers "
            f"from {lowest} to {highest}."
        ),
    )
    return values.to(dtype).contiguous()


def _tensor(name: str, x: Any, people: str) -> Tensor:
    """The column as a tensor, whatever holds it; raises ValueError for text and all else that is not a number."""
    if isinstance(x, Tensor):
        return x
    try:
        array = np.asarray(x)
    except ValueError:  # rows of different lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "biufc":
        few = np.asarray(x, dtype=object).reshape(-1)[:6].tolist()
        given = repr(few[:5]) + (" ..." if len(few) > 5 else "")
        raise ValueError(f"{name} is {given}: give whole numbers; number the {people} from 0.")
    return torch.tensor(computable(name, array))  # a copy: what the caller writes into the array later stays there


def computable(name: str, array: np.ndarray) -> np.ndarray:
    """Numbers as torch computes with them: unsigned integers of more than one byte as int64, else of their own type.

    Raises:
        ValueError: integers from 2**63 on, or floats of more than eight bytes.

    >>> computable("age", np.array([34, 71], dtype=np.uint16)).dtype
    dtype('int64')
    """
    if array.dtype.kind in "fc" and array.dtype.itemsize > 8 * (1 + (array.dtype.kind == "c")):
        raise ValueError(f"column {name!r} is of type {array.dtype}, which torch does not have: give float64.")
    if array.dtype.kind != "u" or array.dtype.itemsize == 1:
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    if array.max(initial=0) >= 2**63:
        raise ValueError(
            f"column {name!r} runs to {array.max()}, beyond 2**63 - 1, the largest whole number of torch: number the "
            "values from 0, or give them as text."
        )
    return array.astype(np.int64)


def as_array(values: Tensor) -> np.ndarray:
    """A tensor as NumPy and tables take it; bfloat16, which they do not have, as float32."""
    values = values.detach().cpu()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()


def _exact(values: Tensor) -> bool:
    """Whether floats are whole numbers, and small enough that no other whole number was rounded to them."""
    return bool(((values == values.round()) & (values.abs() < 2 / torch.finfo(values.dtype).eps)).all())


def flags(name: str, x: Tensor, agents: int) -> Tensor:
    """`x` if it is bool `[*dims, agents]`; else raises ValueError.

    >>> flags("symptomatic", torch.tensor([1, 0]), agents=2)
    Traceback (most recent call last):
    ValueError: symptomatic is torch.int64 of shape (2,) for 2 agents: give one bool an agent.
    """
    if x.dtype != torch.bool or x.shape[-1:] != (agents,):
        raise ValueError(f"{name} is {x.dtype} of shape {tuple(x.shape)} for {agents} agents: give one bool an agent.")
    return x


def seed_number(seed: object) -> int:
    """The seed as an integer; raises ValueError for anything else, which might silently become another seed.

    >>> seed_number(1.5)
    Traceback (most recent call last):
    ValueError: the seed is 1.5: give a whole number.
    """
    try:
        return operator.index(seed)  # type: ignore[arg-type]  # anything else is refused here
    except TypeError as error:
        raise ValueError(f"the seed is {seed!r}: give a whole number.") from error


def shortly(x: Tensor) -> str:
    """The first few values of a tensor, for an error message."""
    return repr(x.flatten()[:5].tolist()) + (" ..." if x.numel() > 5 else "")
