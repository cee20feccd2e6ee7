"""A simulation and its series in one call."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyro
import torch
from chirho.dynamical.internals.solver import Solver
from chirho.dynamical.ops import simulate

from causal_lpm import validate
from causal_lpm.handlers.incremental import Incremental
from causal_lpm.handlers.recording import Recording
from causal_lpm.handlers.solver import DiscreteTime
from causal_lpm.typing import Dynamics, State

__all__ = ["Rollout", "rollout"]


@dataclass(frozen=True)
class Rollout:
    """What a simulation leaves: the last state, and every tally as a series.

    Attributes:
        state: `[*dims, agents or 1]` an entry, after the last step.
        tallies: name -> `[*dims, 1 or groups, days]`; time is an event dimension of likelihoods (`.to_event(1)`).
    """

    state: State
    tallies: dict[str, torch.Tensor] = field(default_factory=dict)


def rollout(dynamics: Dynamics, initial_state: State, days: int, name: str = "") -> Rollout:
    """Runs `dynamics` for `days` days from `initial_state` and records its tallies.

    ChiRho's `simulate` inside `Recording` and `Incremental`, and inside `DiscreteTime()` where no solver is active.

    Args:
        dynamics: State with `t` (day) -> next state.
        initial_state: `[*dims, agents or 1]` an entry.
        days: Number of days, at least 1.
        name: Prefix of this rollout's sites and noise; needed for the second rollout in one model.

    Raises:
        ValueError: days below 1, no agents, an entry named `t`, an interruption outside the days, a partial state.

    >>> import torch
    >>> rollout(lambda s: {"x": s["x"] + 1}, {"x": torch.zeros(3)}, days=5).state["x"]
    tensor([5., 5., 5.])
    """
    validate.positive_count("days", days)
    if "t" in initial_state:
        raise ValueError("the initial state has an entry 't': that is the time, which every step gives; rename yours.")
    if not initial_state or max(value.shape[-1] if value.dim() else 1 for value in initial_state.values()) < 1:
        raise ValueError("the initial state holds zero agents: give at least one entry of shape [agents].")
    state = {entry: torch.atleast_1d(value) for entry, value in initial_state.items()}
    solver: contextlib.AbstractContextManager[object] = DiscreteTime(name=name)
    if any(isinstance(handler, Solver) for handler in pyro.poutine.runtime._PYRO_STACK):
        solver = contextlib.nullcontext()
    with solver, Incremental(), Recording() as record:
        last: Mapping[str, torch.Tensor] = simulate(dynamics, state, torch.tensor(0.0), torch.tensor(float(days)))
    return Rollout(dict(last), record.series())
