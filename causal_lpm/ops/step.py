"""One step of a population, as an operation: noise keys, recorders and checkpoints handle it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from pyro.poutine.messenger import Messenger

from causal_lpm.ops.looking import check
from causal_lpm.ops.number_types import numbers
from causal_lpm.ops.pyro_stack import effectful, innermost
from causal_lpm.typing import Dynamics, State
from causal_lpm.validate import same_entries

__all__ = ["Running", "running_step", "step", "step_length"]


class Running(Messenger):
    """A handler on the stack while a step runs, however that ends; it names what is sampled there.

    Args:
        number: Number of the step from 0.
        prefix: Prefix of the rollout's sites, `""` or `"name/"`.
        largest: An entry of the state with one value an agent; None where nobody asks how many there are.
    """

    lets_answers_be = True  # it names sites, and no site is left of what a handler answers

    def __init__(self, number: int, prefix: str, largest: torch.Tensor | None = None) -> None:
        super().__init__()
        self.number, self.prefix, self.largest = number, prefix, largest
        self.site_prefix = f"{prefix}t={number}/"

    @cached_property
    def days(self) -> float:
        """The length of this step in days, asked once."""
        return step_length()

    def _pyro_sample(self, msg: Any) -> None:
        # Prefixed once: ChiRho's `condition` samples a site again from outside, already named.
        if not msg["name"].startswith(self.site_prefix):
            msg["name"] = self.site_prefix + msg["name"]


def running_step() -> Running | None:
    """The step that runs now, None outside of steps.

    >>> running_step() is None
    True
    """
    return innermost(Running)


@effectful(type="step_length")
def step_length() -> float:
    """The length of a step in days, answered by the solver; one day where there is none.

    >>> step_length()
    1.0
    """
    return 1.0


@effectful(type="step")
def step(dynamics: Dynamics, state: State, number: int, time: torch.Tensor, prefix: str) -> State:
    """The next state by `dynamics`, complete and with the dtype of each entry; sites in it are named after the step.

    What `dynamics` writes in place, into the state that it is given or later into a tensor that it has returned,
    changes no other day: the next state has copies of its own, except of entries that are passed on.

    Args:
        dynamics: State with `t` -> next state.
        state: `[*dims, agents or 1]` an entry, without `t`; in memory that nobody else keeps.
        number: Number of the step from 0: the counter of keyed noise.
        time: Day at the start of the step, float32 `[]`.
        prefix: Prefix of the rollout's sites, `""` or `"name/"`.

    Raises:
        ValueError: `dynamics` returned a state with entries missing or added, numbers that an entry cannot hold, or
            another number of agents.
    """
    largest = max(state.values(), key=_agents)
    with Running(number, prefix, largest):
        new = dynamics({**state, "t": time})
    if type(new) is not dict and not isinstance(new, Mapping):
        raise ValueError(
            f"step {number} returned {type(new).__name__}: return the next state, for example {{**state, ...}}."
        )
    if set(new) - {"t"} != set(state):
        same_entries("the dynamics", new, state)
    agents = _agents(largest)
    return {name: _fitting(name, new[name], old, number, agents) for name, old in state.items()}


def _agents(value: torch.Tensor) -> int:
    return value.shape[-1]


def _fitting(name: str, given: object, old: torch.Tensor, number: int, agents: int) -> torch.Tensor:
    """A copy of the value in the type of the entry, refused where that would change numbers in silence."""
    if given is old:
        return old
    value: torch.Tensor = numbers(f"what step {number} returned for {name!r}", given)
    if value.shape[-1] not in (1, agents):
        raise ValueError(
            f"step {number} returned the shape {tuple(value.shape)} for {name!r}, but there are {agents} agents: "
            "return one value an agent, or one for all."
        )
    if value.dtype == old.dtype:
        return value.clone()
    fitted: torch.Tensor = value.to(old.dtype)

    def sentence() -> str:
        return (
            f"step {number} returned {value.dtype} values from {float(value.min()):g} to {float(value.max()):g} for "
            f"{name!r}, which is {old.dtype}: begin with an entry of a type that holds them."
        )

    check((value,), lambda: _same(fitted, value), sentence)
    return fitted


def _same(fitted: torch.Tensor, value: torch.Tensor) -> bool:
    """Whether numbers are what they were: between floats rounding is allowed, and a new infinity is not."""
    if value.dtype == torch.bool:
        return True
    if not (fitted.is_floating_point() and value.is_floating_point()):
        return torch.equal(fitted.to(value.dtype), value)
    return fitted.element_size() > value.element_size() or not bool((fitted.isinf() & value.isfinite()).any())
