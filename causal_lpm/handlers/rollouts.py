"""A simulation and its series in one call."""

import contextlib

from chirho.dynamical.internals.solver import Solver

from causal_lpm import validate
from causal_lpm.handlers.solver import DiscreteTime
from causal_lpm.ops.pyro_stack import innermost
from causal_lpm.ops.release import release
from causal_lpm.ops.simulation import Rollout
from causal_lpm.typing import Dynamics, State

__all__ = ["Rollout", "rollout"]


def rollout(
    dynamics: Dynamics,
    initial_state: State,
    days: int,
    name: str = "",
    first_day: int = 0,
    steps_per_day: int | None = None,
) -> Rollout:
    """Runs `dynamics` for `days` days from `initial_state` and records its tallies.

    ChiRho's `simulate` inside `DiscreteTime`, whose message `rollout` a handler may cut, continue or answer. At the end
    its series go through the message `release`.

    Args:
        dynamics: State with `t` (day) -> next state.
        initial_state: `[*dims, agents or 1]` an entry.
        days: Number of days, at least 1.
        name: Prefix of this rollout's sites and noise; needed for the second rollout in one model.
        first_day: Number of the first day; above 0 for a simulation that goes on from the state of an earlier one of
            the same name, with the noise of its own days. What rules (`on`) saw before is forgotten.
        steps_per_day: Steps in which a day is simulated, one if not given. Times, hazards, policies and series stay in
            days: `s["t"]` of the second of four steps is .25, `event` integrates a hazard a day over the step, and a
            tally is the sum of the day's steps, or the last one of a stock.

    Raises:
        ValueError: days below 1, or no whole number of the solver's steps; a solver around it with other steps than
            `steps_per_day`; no agents, several numbers of agents, an entry named `t`; an interruption outside the days;
            a partial state; a second rollout without a name under one seed.

    >>> import torch
    >>> rollout(lambda s: {"x": s["x"] + 1}, {"x": torch.zeros(3)}, days=5).state["x"]
    tensor([5., 5., 5.])
    """
    validate.positive_count("days", days)
    validate.whole_number("first_day", first_day, low=0)
    validate.number_of_agents(initial_state)
    active = innermost(Solver)
    if active is not None and not isinstance(active, DiscreteTime):
        raise ValueError(
            f"the active solver is {type(active).__name__}, which would take the next state for a derivative: leave it "
            "before the rollout, or use solve_ode inside a step."
        )
    per_day = 1 if steps_per_day is None else validate.whole_number("steps_per_day", steps_per_day)
    if active is not None and steps_per_day is not None and round(1 / active.dt, 6) != per_day:
        raise ValueError(f"steps_per_day is {per_day} under a solver whose steps have {active.dt:g} days: say it once.")
    solver = DiscreteTime(1 / per_day) if active is None else active
    with contextlib.nullcontext() if active else solver:
        run = solver.rollout(dynamics, initial_state, days, name, first_day)
        released = release(run.tallies)
        return run if released is run.tallies else Rollout(run.state, released, run.stocks)
