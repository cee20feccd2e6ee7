"""Agent populations as a ChiRho backend: discrete steps instead of an ODE."""

import inspect
import itertools
import math
from collections.abc import Mapping
from typing import Any

import pyro
import torch
from chirho.dynamical.handlers.interruption import StaticEvent
from chirho.dynamical.internals._utils import Prioritized
from chirho.dynamical.internals.solver import Interruption, Solver, simulate_point

from causal_lpm.handlers.acts import fitting
from causal_lpm.handlers.triggers import Triggers
from causal_lpm.ops.step import step
from causal_lpm.typing import Dynamics, State
from causal_lpm.validate import days_in_range, known, same_entries

__all__ = ["DiscreteTime"]


class DiscreteTime(Solver[torch.Tensor]):  # type: ignore[type-arg, unused-ignore]
    """Backend of ChiRho's `simulate` that advances a population in steps.

    `dynamics(state)` returns the NEXT STATE, where an ODE backend takes a derivative. The state at time t is the state
    after floor(t / dt) steps; an interruption at t acts before the step that contains t. `StaticIntervention`,
    `DynamicIntervention`, `on`, `StaticObservation`, `StaticBatchObservation`, `LogTrajectory` and ChiRho's world
    handlers work unchanged.

    Args:
        dt: Length of a step in days. Hazards are integrated over it by the model.
        name: Prefix of the sites of this rollout; two rollouts in one model need two names.

    Raises:
        ValueError: dt is not positive; an intervention lies outside the simulated days or names an entry that the state
            does not have; a state function returns a partial state.

    >>> import torch
    >>> from chirho.dynamical.ops import simulate
    >>> with DiscreteTime():
    ...     simulate(lambda s: {"x": 2 * s["x"]}, {"x": torch.ones(2)}, torch.tensor(0.0), torch.tensor(3.0))
    {'x': tensor([8., 8.])}
    """

    def __init__(self, dt: float = 1.0, name: str = "") -> None:
        if not dt > 0:
            raise ValueError(f"dt is {dt}: the length of a step must be positive (days).")
        self.dt, self.prefix = dt, f"{name}/" if name else ""
        self._triggers = Triggers()
        self._agents: int | None = None  # known inside a step
        self._device = torch.device("cpu")  # of the entry that has the agents
        self._entries: set[str] = set()
        super().__init__()

    def _process_message(self, msg: Any) -> None:
        kind = msg["type"]
        if kind.startswith("simulate") and msg["done"]:
            # Answered already, by an inner solver or by us: a used interruption leaves the stack and shifts it, so that
            # Pyro can visit one handler twice. A stochastic backend must not run twice.
            return
        if kind == "simulate":
            state, start, end = msg["args"][1:4]
            if self._agents is not None:
                raise ValueError(
                    "a population is simulated inside a step of another: its luck would be the same every day, and it "
                    "would use up the interventions; make it entries of the same state, or use solve_ode for equations."
                )
            self._triggers, self._entries = Triggers(), set(state)
            self._check_interruptions(float(start), float(end))
        super()._process_message(msg)

    def _check_interruptions(self, start: float, end: float) -> None:
        for handler in pyro.poutine.runtime._PYRO_STACK:
            if not isinstance(handler, Interruption):
                continue
            if isinstance(handler.predicate, StaticEvent):
                day = float(handler.predicate.time)
                days_in_range("interruption", day, start, end)
                if day == end:  # ChiRho drops it in silence
                    raise ValueError(
                        f"the interruption at day {day:g} acts before a step, and day {end:g} is the end: "
                        "simulate longer, or read the last state."
                    )
            for name in _entries_set_by(handler):
                known("entry of the state in an intervention", name, self._entries)

    @staticmethod
    def _prioritize_interruption(h: Any) -> Any:
        """Also accepts `on` with any boolean function of the state."""
        return Prioritized(float(h.predicate.time) if isinstance(h.predicate, StaticEvent) else -math.inf, h)

    def _steps_until(self, time: torch.Tensor) -> int:
        # Times are float32: a time that is a step's up to rounding is that step, however late it comes.
        steps = float(time) / self.dt
        return math.floor(steps + 1e-6 * max(1.0, abs(steps)))

    def _pyro_check_dynamics(self, msg: Any) -> None:
        msg["done"] = True  # trying the dynamics out would draw noise

    def _pyro_population_size(self, msg: Any) -> None:
        if self._agents is not None:
            msg["value"], msg["done"] = self._agents, True

    def _pyro_population_device(self, msg: Any) -> None:
        msg["value"], msg["done"] = self._device, True

    def _pyro_intervene(self, msg: Any) -> None:
        value, act = msg["args"][0], msg["args"][1]
        if isinstance(value, dict) and callable(act) and not hasattr(act, "__wrapped_state__"):
            msg["args"] = (value, _whole_state(act))
        else:
            msg["args"] = (value, fitting(act, value))

    def _advance(self, dynamics: Dynamics, state: State, start: torch.Tensor, end: torch.Tensor, **_: Any) -> State:
        same_entries("an interruption", state, self._entries)
        for number in range(self._steps_until(start), self._steps_until(end)):
            largest = max((torch.atleast_1d(value) for value in state.values()), key=lambda value: value.shape[-1])
            self._agents, self._device = largest.shape[-1], largest.device
            try:
                state = step(dynamics, state, number, torch.tensor(number * self.dt), self.prefix)
            finally:
                self._agents = None
        return state

    # `fn` and not `value` is set: whoever answers, LogTrajectory inside or outside of us, the steps run once.
    def _pyro_simulate_point(self, msg: Any) -> None:
        msg["fn"] = self._advance

    def _pyro_simulate_trajectory(self, msg: Any) -> None:
        msg["fn"] = self._trajectory

    def _trajectory(self, dynamics: Dynamics, state: State, times: torch.Tensor, **_: Any) -> State:
        states = [state]
        for start, end in itertools.pairwise(times):
            states.append(self._advance(dynamics, states[-1], start, end))
        return {name: torch.stack(torch.broadcast_tensors(*[at[name] for at in states]), -1) for name in state}

    def _pyro_simulate_to_interruption(self, msg: Any) -> None:
        waiting, dynamics, state, start, _ = msg["args"][:5]
        timed = [h for h in waiting if isinstance(h.predicate, StaticEvent)]
        rules = [h for h in waiting if not isinstance(h.predicate, StaticEvent)]
        following = min(timed, key=lambda h: float(h.predicate.time))
        end = following.predicate.time.to(start)
        msg["done"] = True
        if not rules:
            state = simulate_point(dynamics, state, start, end, **msg["kwargs"])
            msg["value"] = (state, end, following)
            return
        time = start
        while True:
            for rule in rules:
                firing = self._triggers.firing(rule, time, state)
                if bool(firing.any()):
                    msg["value"] = (state, time, self._triggers.interruption(rule, firing))
                    return
            if not time < end:
                break
            later = torch.minimum(torch.tensor((self._steps_until(time) + 1) * self.dt).to(time), end)
            state, time = simulate_point(dynamics, state, time, later, **msg["kwargs"]), later
        msg["value"] = (state, end, following)


def _entries_set_by(handler: Any) -> list[str]:
    """What a `StaticIntervention` or `DynamicIntervention` sets: ChiRho ignores names that the state does not have."""
    if getattr(handler.callback, "__module__", "") != "chirho.dynamical.handlers.interruption":
        return []
    act = inspect.getclosurevars(handler.callback).nonlocals.get("intervention")
    return list(act) if isinstance(act, Mapping) else []


def _whole_state(act: Any) -> Any:
    """`act` with a check: ChiRho resets keys that a partial dictionary lacks to the factual world, silently."""

    def checked(state: State) -> Any:
        returned = act(state)
        acts = returned if isinstance(returned, tuple) else (returned,)
        for new in acts:
            same_entries("the state function of an intervention", new, state)
        fitted = tuple({name: fitting(new[name], old) for name, old in state.items()} for new in acts)
        return fitted if isinstance(returned, tuple) else fitted[0]

    checked.__wrapped_state__ = True  # type: ignore[attr-defined]
    return checked
