"""A simulation and its series in one call."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from chirho.dynamical.internals.solver import Solver
from chirho.dynamical.ops import simulate
from pyro.poutine.runtime import _PYRO_STACK

from causal_lpm import validate
from causal_lpm.handlers.incremental import Incremental
from causal_lpm.handlers.recording import Recording
from causal_lpm.handlers.solver import DiscreteTime
from causal_lpm.ops.dimensions import in_all_worlds
from causal_lpm.typing import Dynamics, State

__all__ = ["Rollout", "rollout"]


@dataclass(frozen=True)
class Rollout:
    """What a simulation leaves: the last state, and every tally as a series.

    Attributes:
        state: `[*dims, agents or 1]` an entry, after the last step.
        tallies: name -> `[*dims, 1 or groups, days]`, all worlds in each, also where no policy reached it; time is an
            event dimension of likelihoods (`.to_event(1)`).
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
        ValueError: days below 1, or no whole number of the solver's steps; no agents, several numbers of agents, an
            entry named `t`; an interruption outside the days; a partial state; a second rollout without a name under
            one seed.

    >>> import torch
    >>> rollout(lambda s: {"x": s["x"] + 1}, {"x": torch.zeros(3)}, days=5).state["x"]
    tensor([5., 5., 5.])
    """
    validate.positive_count("days", days)
    validate.number_of_agents(initial_state)
    active = _active_solver()
    solver = DiscreteTime() if active is None else active
    with contextlib.nullcontext() if active else solver, solver.rollout(name), Incremental(), Recording() as record:
        last: Mapping[str, torch.Tensor] = simulate(
            dynamics, dict(initial_state), torch.tensor(0.0), torch.tensor(float(days))
        )
        tallies = {tally: in_all_worlds(series, event_dim=1) for tally, series in record.series().items()}
    return Rollout(dict(last), tallies)


def _active_solver() -> DiscreteTime | None:
    active = next((handler for handler in reversed(_PYRO_STACK) if isinstance(handler, Solver)), None)
    if active is not None and not isinstance(active, DiscreteTime):
        raise ValueError(
            f"the active solver is {type(active).__name__}, which would take the next state for a derivative: leave it "
            "before the rollout, or use solve_ode inside a step."
        )
    return active
