"""What an intervention puts in place of a value: made to fit the value, or refused."""

from typing import Any

import numpy as np
import torch

from causal_lpm.handlers.in_place import copied
from causal_lpm.typing import State
from causal_lpm.validate import same_entries

__all__ = ["fitting"]


def fitting(act: Any, value: Any) -> Any:
    """`act` with the dtype of the tensor that it replaces, so that worlds with and without it can stand in one tensor.

    Numbers of all kinds and arrays become tensors; tuples of acts are fitted one by one. A function gets a copy of the
    value, so that what it writes in place stays out of other worlds, and what it returns is fitted; a function of a
    state returns all of its entries. None and acts on anything else pass as they are.

    Raises:
        ValueError: no number; a partial state; a fraction in place of whole numbers; a number that the value's type
            cannot hold.

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
    floats = given.is_floating_point() and value.is_floating_point()
    # Between floats a rounded number is the same number, and infinity is not; else all digits count.
    same = fitted.isfinite() == given.isfinite() if floats else (fitted.to(given.dtype) == given) & given.isfinite()
    if not bool(same.all()):
        raise ValueError(
            f"an act sets {given[~same][:3].tolist()} where the value is {value.dtype}: give "
            f"{'numbers' if value.is_floating_point() else 'whole numbers'} that it can hold, or let the model hold "
            "another type there."
        )
    return fitted


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


def _number(act: Any) -> torch.Tensor:
    if isinstance(act, torch.Tensor):
        number = act
    else:
        array = np.asarray(act)
        number = torch.tensor(array) if array.dtype.kind in "biuf" else torch.empty((), dtype=torch.complex64)
    if number.is_complex():
        raise ValueError(f"an act is {act!r}: give a real number, a tensor of such, a function or None.")
    return number
