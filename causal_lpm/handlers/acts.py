"""What an intervention puts in place of a value: made to fit the value, or refused."""

from typing import Any

import numpy as np
import torch

from causal_lpm.handlers.in_place import copied
from causal_lpm.ops.dimensions import index_plates
from causal_lpm.ops.looking import check
from causal_lpm.typing import State
from causal_lpm.validate import same_entries

__all__ = ["fitting", "with_room"]


def fitting(act: Any, value: Any) -> Any:
    """`act` with the dtype of the tensor that it replaces, so that worlds with and without it fit in one tensor.

    Numbers of all kinds and arrays become tensors; tuples of acts are fitted one by one. A function gets a copy of the
    value, so that what it writes in place stays out of other worlds, and what it returns is fitted; a function of a
    state returns all of its entries. None and acts on anything else pass as they are.

    Raises:
        ValueError: an act that is not a number; a partial state; a fraction in place of whole numbers; a number that
            the value's type cannot hold.

    >>> import torch
    >>> fitting(torch.tensor(84), torch.tensor([21.0]))
    tensor(84.)
    """
    if isinstance(value, dict) and callable(act):
        return act if hasattr(act, "__wrapped_state__") else _whole_state(act)
    if isinstance(act, tuple):
        return tuple(fitting(one, value) for one in act)
    if act is None or not isinstance(value, torch.Tensor):
        return act
    if callable(act):
        return lambda given: fitting(act(given.clone()), given)
    given = _number(act).to(value.device)
    if given.dtype == value.dtype:
        return given
    fitted = given.to(value.dtype)
    holds = "numbers" if value.is_floating_point() else "whole numbers"
    check(
        (given,),
        lambda: bool(_same(given, fitted).all()),
        lambda: (
            f"an act sets {given[~_same(given, fitted)][:3].tolist()} where the value is {value.dtype}: give {holds} "
            "that it can hold, or let the model hold another type there."
        ),
    )
    return fitted


def _same(given: torch.Tensor, fitted: torch.Tensor) -> torch.Tensor:
    # Between floats rounding is allowed, and a new infinity is not; else all digits count. What becomes of floats
    # beyond 64 bits in integers depends on the machine, and may turn back into the same float.
    if given.is_floating_point() and fitted.is_floating_point():
        return fitted.isfinite() == given.isfinite()
    large = (given if given.is_floating_point() else fitted).double().abs() >= 2.0**63
    return (fitted.to(given.dtype) == given) & ~large


def _whole_state(act: Any) -> Any:
    """`act` with a check: ChiRho resets keys that a partial dictionary lacks to the factual world, silently."""

    def checked(state: State) -> Any:
        returned = act(copied(state))
        acts = returned if isinstance(returned, tuple) else (returned,)
        for new in acts:
            same_entries("the state function of an intervention", new, state)
        fitted = tuple({name: fitting(new[name], old) for name, old in state.items()} for new in acts)
        return fitted if isinstance(returned, tuple) else fitted[0]

    checked.__wrapped_state__ = True  # type: ignore[attr-defined]
    return checked


def with_room(value: Any, acts: tuple[Any, ...], event_dim: int = 0) -> Any:
    """The value expanded to fit its acts: one number for all becomes one an agent where an act gives one an agent.

    Args:
        value: `[*dims, agents or 1]`, then `event_dim` more dimensions.
        acts: What replaces it, one a world.
        event_dim: Dimensions right of the agents.

    Raises:
        ValueError: an act of another shape, such as several acts in one tensor.

    >>> with_room(torch.tensor([21.0]), (torch.tensor([1.0, 2.0, 3.0]),))
    tensor([21., 21., 21.])
    """
    if not isinstance(value, torch.Tensor):
        return value
    named = {plate.dim for plate in index_plates().values()} | {-1}
    for act in acts:
        if not isinstance(act, torch.Tensor):
            continue
        rank = max(value.dim(), act.dim())
        old, new = ((1,) * (rank - each.dim()) + each.shape for each in (value, act))
        grown = {place - rank + event_dim for place in range(rank) if new[place] not in (1, old[place])}
        if not grown <= named or any(old[place - event_dim] != 1 for place in grown):
            raise ValueError(
                f"an act has shape {tuple(act.shape)} where the value has {tuple(value.shape)}: give one number, or "
                "one an agent; several acts are a tuple."
            )
        value = value.expand(torch.broadcast_shapes(value.shape, act.shape))
    return value


def _number(act: Any) -> torch.Tensor:
    if isinstance(act, torch.Tensor):
        number = act
    else:
        array = np.asarray(act)
        number = torch.tensor(array) if array.dtype.kind in "biuf" else torch.empty((), dtype=torch.complex64)
    if number.is_complex():
        raise ValueError(f"an act is {act!r}: give a real number, a tensor of such, a function or None.")
    return number
