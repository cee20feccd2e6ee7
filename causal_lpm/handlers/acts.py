"""What an intervention puts in place of a value: made to fit the value, or refused."""

from typing import Any

import torch

__all__ = ["fitting"]


def fitting(act: Any, value: Any) -> Any:
    """`act` with the dtype of the tensor that it replaces, so that worlds with and without it can stand in one tensor.

    Tuples of acts are fitted one by one, and functions get a copy of the value; None and acts on anything but a tensor
    pass as they are.

    Raises:
        ValueError: a fraction in place of whole numbers, or a number that is too large for them.

    >>> import torch
    >>> fitting(torch.tensor(84), torch.tensor([21.0]))
    tensor(84.)
    """
    if isinstance(act, tuple):
        return tuple(fitting(one, value) for one in act)
    if isinstance(value, torch.Tensor) and callable(act):
        return lambda given: fitting(act(given.clone()), given)  # what it writes in place stays out of other worlds
    if not isinstance(value, torch.Tensor) or not isinstance(act, torch.Tensor | bool | int | float):
        return act
    given = torch.as_tensor(act, device=value.device)
    fitted = given.to(value.dtype)
    if not value.is_floating_point() and not bool((fitted == given).all()):
        raise ValueError(
            f"an act sets {given.flatten()[:3].tolist()} where the value is {value.dtype}: give whole numbers that it "
            "can hold, or let the model hold another type there."
        )
    return fitted
