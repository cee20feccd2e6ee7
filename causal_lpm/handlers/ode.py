"""Differential equations inside a step: within-host immunity, a compartmental surrogate.

ChiRho's `TorchDiffEq` solves them in the same program. Two obstacles are removed here: an inner `simulate` would
consume the interruptions of the rollout around it, and ChiRho 0.3.0 fails on torch 2.13 in every solve.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import chirho.dynamical.internals.backends.torchdiffeq as backend
import numpy as np
import pyro
import torch
import torchdiffeq
from chirho.dynamical.handlers.solver import TorchDiffEq
from chirho.dynamical.internals.solver import Solver
from chirho.dynamical.ops import simulate

from causal_lpm.typing import State

__all__ = ["solve_ode", "torchdiffeq_on_torch213"]

_SIMULATING = [
    "simulate",
    "simulate_point",
    "simulate_trajectory",
    "simulate_to_interruption",
    "get_new_interruptions",
    "check_dynamics",
]


@contextlib.contextmanager
def torchdiffeq_on_torch213() -> Iterator[None]:
    """Makes ChiRho's `TorchDiffEq` work on torch 2.13 while active; puts everything back afterwards.

    ChiRho 0.3.0 adds a tuple to a `torch.Size`, which torch 2.13 refuses. With states that have no event dimensions the
    rearrangement in question is a `movedim`.
    """
    original = backend._batched_odeint
    backend._batched_odeint = _odeint
    try:
        yield
    finally:
        backend._batched_odeint = original


def _odeint(
    func: Callable[..., Any], y0: tuple[torch.Tensor, ...], t: torch.Tensor, *, event_fn: Any = None, **options: Any
) -> backend.OdeintResult:
    t = t.to(y0[0].device)  # ChiRho makes times on the CPU
    start = t.unsqueeze(0) if t.ndim == 0 else t[..., 0]
    shape = np.broadcast_shapes(*(y.shape for y in y0), *(derivative.shape for derivative in func(start, y0)))
    full = tuple(y.expand(shape) for y in y0)

    def full_func(time: torch.Tensor, y: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(derivative.expand(shape) for derivative in func(time, y))

    if event_fn is None:
        event, solution = None, torchdiffeq.odeint(full_func, full, t, **options)
    else:
        event, solution = torchdiffeq.odeint_event(full_func, full, t, event_fn=event_fn, **options)
    return backend.OdeintResult(tuple(y.movedim(0, -1) for y in solution), event)


def solve_ode(
    derivative: Callable[[State], Mapping[str, torch.Tensor]],
    state: State,
    days: float,
    solver: Solver[torch.Tensor] | None = None,
) -> State:
    """Solves an ODE for `days` days inside a step of a population model, every agent and world with its own state.

    Args:
        derivative: State -> d state / d day, as ChiRho's `TorchDiffEq` takes it.
        state: float `[*dims, agents]` an entry.
        days: Length of the solution.
        solver: By default fixed-step Runge-Kutta 4 with steps of a quarter of `days`: an adaptive solver chooses its
            steps by an error norm over all worlds, and two worlds would no longer equal two runs bit for bit.

    Returns:
        The state after `days`.

    Raises:
        ValueError: `days` is not positive.

    >>> import torch
    >>> float(solve_ode(lambda s: {"antibody": -0.1 * s["antibody"]}, {"antibody": torch.ones(1)}, 1.0)["antibody"])
    0.904837...
    """
    if not days > 0:
        raise ValueError(f"days is {days}: an ODE is solved over a positive time.")
    chosen = solver if solver is not None else TorchDiffEq(method="rk4", options={"step_size": days / 4})
    with torchdiffeq_on_torch213(), pyro.poutine.block(hide_types=_SIMULATING), chosen:
        solved: Mapping[str, torch.Tensor] = simulate(derivative, state, torch.tensor(0.0), torch.tensor(float(days)))
    return dict(solved)
