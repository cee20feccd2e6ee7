"""Functions of a user may write into the tensors that they are given; what others still need is kept from them."""

from typing import Any

import torch

from causal_lpm.ops.looking import check
from causal_lpm.typing import State

__all__ = ["Lent", "copied"]


def copied(value: Any) -> Any:
    """A tensor, or a state's tensors, in memory of their own; all else as it is.

    >>> import torch
    >>> x = {"stage": torch.zeros(2)}
    >>> _ = copied(x)["stage"].add_(1)
    >>> x["stage"]
    tensor([0., 0.])
    """
    if isinstance(value, torch.Tensor):
        return value.clone()
    return {name: copied(entry) for name, entry in value.items()} if isinstance(value, dict) else value


class Lent:
    """Copies of a state for a user's function, and whether it has written into them, by whatever route.

    Attributes:
        copies: What the function is given.
        state: What it stands for.
    """

    def __init__(self, state: State) -> None:
        self.copies, self.state = copied(state), state

    def original(self, name: str, value: Any) -> Any:
        """The value itself where the function hands back the copy of it."""
        return self.state[name] if value is self.copies.get(name) else value

    def refuse_changes(self, what: str) -> None:
        """Raises ValueError when an entry was written into."""
        for name, value in self.state.items():
            _check_unchanged(what, name, self.copies[name], value)


def _check_unchanged(what: str, name: str, copy: torch.Tensor, value: torch.Tensor) -> None:
    check(
        (value,),
        lambda: bool(((copy == value) | ((copy != copy) & (value != value))).all()),  # NaN is unlike itself
        lambda: (
            f"{what} wrote into the entry {name!r} in place, and other worlds need it as it was: return new tensors, "
            f"or write into a copy, state[{name!r}].clone()."
        ),
    )
