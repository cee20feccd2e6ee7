"""Functions of a user may write into the tensors that they are given; what others still need is kept from them."""

from typing import Any

import torch

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
    """A state that a user's function looks at, and whether it was written into since.

    A tensor counts its changes, which costs no pass over it. Only what torch itself writes is counted.
    """

    def __init__(self, state: State) -> None:
        self._lent = [(name, x, x._version) for name, x in state.items() if not x.is_inference()]

    def refuse_changes(self, what: str) -> None:
        """Raises ValueError when an entry was written into."""
        for name, value, version in self._lent:
            if value._version != version:
                raise ValueError(
                    f"{what} wrote into the entry {name!r} in place, and other worlds and days need it as it was: "
                    f"return new tensors, or write into a copy, state[{name!r}].clone()."
                )
