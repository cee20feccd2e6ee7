"""One step of a population, as an operation: noise keys, recorders and checkpoints handle it."""

from collections.abc import Mapping
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import effectful

from causal_lpm.typing import Dynamics, State
from causal_lpm.validate import same_entries

__all__ = ["step"]


class _Prefix(Messenger):
    """Names of one step, given once: ChiRho's `condition` samples a site again from outside, already named."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def _pyro_sample(self, msg: Any) -> None:
        if not msg["name"].startswith(self.prefix):
            msg["name"] = self.prefix + msg["name"]


@effectful(type="step")
def step(dynamics: Dynamics, state: State, number: int, time: torch.Tensor, prefix: str) -> State:
    """The next state: `dynamics` under names of this step, entries complete and of their own dtype.

    Args:
        dynamics: State with `t` -> next state.
        state: `[*dims, agents or 1]` an entry, without `t`.
        number: Number of the step from 0: the counter of keyed noise.
        time: Day at the start of the step, float32 `[]`.
        prefix: Prefix of the rollout's sites, `""` or `"name/"`.

    Raises:
        ValueError: `dynamics` returned a state with entries missing or added, or numbers that an entry cannot hold.
    """
    with _Prefix(f"{prefix}t={number}/"):
        new: Mapping[str, torch.Tensor] = dynamics({**state, "t": time})
    if set(new) - {"t"} != set(state):
        same_entries("the dynamics", new, state)
    return {name: _fitting(name, torch.atleast_1d(new[name]), old.dtype, number) for name, old in state.items()}


def _fitting(name: str, value: torch.Tensor, dtype: torch.dtype, number: int) -> torch.Tensor:
    """The value in the entry's own type, refused where that would change whole numbers in silence."""
    fitted = value.to(dtype)
    if value.dtype != dtype and not dtype.is_floating_point and not torch.equal(fitted.to(value.dtype), value):
        low, high = float(value.min()), float(value.max())
        raise ValueError(
            f"step {number} returned {value.dtype} values from {low:g} to {high:g} for {name!r}, which is {dtype}: "
            "begin with an entry of a type that holds them."
        )
    return fitted
