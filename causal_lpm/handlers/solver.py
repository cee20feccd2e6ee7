"""Agent populations as a ChiRho backend: discrete steps instead of an ODE."""

import functools
import itertools
import math
from collections.abc import Mapping
from typing import Any

import torch
from chirho.dynamical.handlers import LogTrajectory
from chirho.dynamical.handlers.interruption import StaticEvent
from chirho.dynamical.internals._utils import Prioritized
from chirho.dynamical.internals.solver import Solver, simulate_point
from chirho.dynamical.ops import simulate
from pyro.poutine.runtime import effectful

from causal_lpm.handlers.acts import fitting
from causal_lpm.handlers.elementwise import Elementwise
from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.in_place import Lent, copied
from causal_lpm.handlers.incremental import Incremental
from causal_lpm.handlers.interruptions import arm, begin, observes, rules_in_force
from causal_lpm.handlers.parts import Memory, Parts, no_part
from causal_lpm.handlers.recording import Recording
from causal_lpm.handlers.steps import Steps, as_time, steps_until
from causal_lpm.handlers.triggers import Triggers
from causal_lpm.ops.pyro_stack import by_methods_alone, handlers_in_force, heard_by_all
from causal_lpm.ops.simulation import Remembered, Rollout, once, simulation_ends
from causal_lpm.ops.step import step
from causal_lpm.typing import Dynamics, State
from causal_lpm.validate import number_of_agents, same_entries

__all__ = ["DiscreteTime"]


class DiscreteTime(Handler, Solver[torch.Tensor]):  # type: ignore[type-arg, unused-ignore]
    """Backend of ChiRho's `simulate` that advances a population in steps.

    `dynamics(state)` returns the NEXT STATE, where an ODE backend takes a derivative. The state at time t is the state
    after floor(t / dt) steps; an interruption at t acts before the step that contains t. `StaticIntervention`,
    `DynamicIntervention`, `on`, `StaticObservation`, `StaticBatchObservation`, `LogTrajectory` and ChiRho's world
    handlers work unchanged, and act in every simulation of their block.

    Args:
        dt: Length of a step in days, over which `event` integrates a hazard. Series of parts of a day are by day.
        name: Prefix of the sites of this rollout; two rollouts in one model need two names.

    Raises:
        ValueError: dt is not positive; times that are not a whole number of steps; an intervention lies outside the
            simulated days or names an entry that the state does not have; a state function returns a partial state;
            entries of different numbers of agents; another solver is active; another thread simulates.

    >>> import torch
    >>> from chirho.dynamical.ops import simulate
    >>> with DiscreteTime():
    ...     simulate(lambda s: {"x": 2 * s["x"]}, {"x": torch.ones(2)}, torch.tensor(0.0), torch.tensor(3.0))
    {'x': tensor([8., 8.])}
    """

    def __init__(self, dt: float = 1.0, name: str = "") -> None:
        if not 0 < dt < math.inf:
            raise ValueError(f"dt is {dt}: the length of a step must be positive (days).")
        self.dt, self.prefix = dt, f"{name}/" if name else ""
        self._triggers = Triggers()
        self._dynamics: Dynamics | None = None  # in force, where acts may change them
        self._steps_now = False  # whether a step runs
        self._size = 1  # agents of this simulation
        self._parts: Parts | None = None  # of the simulation that runs
        self._in_force = 0  # handlers when it began
        self._name, self._named = "", True  # of its rollout, and whether it needs no name
        self._finished: Rollout | None = None
        self._end = math.inf  # of the part that runs
        self._entries: set[str] = set()
        self._own: State = {}  # the last state made here: nobody else keeps its tensors
        self._lent: Lent | None = None  # the state that a callback is given
        self._looks = False  # whether that callback only looks at it
        # For logs: the state from which their days ran, and the states of those days.
        self._logged: tuple[State, dict[float, State]] | None = None
        super().__init__()

    def rollout(self, dynamics: Dynamics, state: State, days: int, name: str = "", first_day: int = 0) -> Rollout:
        """As the function `rollout`; `name` stands in its sites, after the name of the solver."""
        before = self.prefix, self._name, self._named
        self.prefix, self._name, self._named = f"{self.prefix}{name}/" if name else self.prefix, name, bool(name)
        try:
            ends = torch.tensor([first_day, first_day + days]).float()
            last: Mapping[str, torch.Tensor] = simulate(dynamics, dict(state), *ends)
            return Rollout(dict(last)) if self._finished is None else self._finished
        finally:
            self.prefix, self._name, self._named = before
            self._finished = None

    @by_methods_alone
    def _process_message(self, msg: Any) -> None:
        if msg["type"].startswith("simulate") and msg["done"]:
            return  # answered already, by an inner solver: a stochastic backend must not run twice
        if msg["type"] == "simulate":
            self._simulate(msg)
        else:
            super()._process_message(msg)

    def _simulate(self, msg: Any) -> None:
        self.refuse_other_threads()
        dynamics, given, start, end = msg["args"][:4]
        if self._parts is not None:
            where = "inside a step" if self._steps_now else "inside an interruption"
            raise ValueError(
                f"a population is simulated {where} of another: its noise would be the same every day; make it entries "
                "of the same state, or use solve_ode for equations."
            )
        if any(isinstance(other, Solver) and other is not self for other in handlers_in_force()):
            raise ValueError("two solvers are active and either would simulate: enter one of them.")
        steps = Steps(start, end, self.dt)
        self._size = number_of_agents(given)
        state = {name: torch.atleast_1d(value) for name, value in given.items()}
        msg["args"] = (dynamics, state, as_time(start), as_time(end), *msg["args"][4:])
        begin(steps, state)
        self._entries = set(state)
        if not self._named and not steps.first:  # a name given twice asks for the same noise
            once(f"a rollout without a name{f' in {self.prefix}' if self.prefix else ''}")
        self._in_force, well = len(handlers_in_force()), False
        heard_by_all(msg, self._in_force)
        parts = self._parts = Parts(steps)
        part = functools.partial(self._part, parts, msg["args"][2], msg["kwargs"])
        try:
            days = _plain(steps.start), _plain(steps.end - steps.start)
            run = effectful(part, type="rollout")(dynamics, state, *days, self._name)
            parts.check(run)
            msg["value"], msg["done"], self._finished = run.state, True, steps.by_day(run)
            well = True
        finally:
            self._own, self._lent, self._logged, self._parts = {}, None, None, None
            simulation_ends(well)

    def _pyro_rollout(self, msg: Any) -> None:
        heard_by_all(msg, self._in_force)

    def _part(
        self,
        parts: Parts,
        clock: torch.Tensor,
        options: Mapping[str, Any],
        dynamics: Dynamics,
        state: State,
        first_day: float,
        days: float,
        name: str,
    ) -> Rollout:
        """The days of a simulation, or some of them where a handler cuts it."""
        steps = Steps(first_day, first_day + days, self.dt)
        if self._parts is not parts:
            raise no_part(steps)
        memory = parts.begin(steps)
        self._triggers, self._dynamics = memory.rules, memory.following(dynamics, steps)
        same_entries("the state from which a handler lets a simulation go on", state, self._entries)
        arm(steps)
        self._own, self._lent, self._logged, self._end = {}, None, None, steps.end
        times = clock.new_tensor([steps.start, steps.end])
        part: dict[str, Any] = {"args": (self._dynamics, dict(state), *times), "kwargs": options}
        with Elementwise(), Incremental(parts.sums), Recording() as record:
            self._pyro_simulate(part)  # ChiRho's way from interruption to interruption
            series = record.series()
        parts.end(steps, Memory(self._triggers, dynamics, self._dynamics))
        return Rollout(dict(part["value"]), series, frozenset(record.stocks))

    def _pyro_post_get_new_interruptions(self, msg: Any) -> None:
        msg["continuation"] = None  # it takes ChiRho's interruptions off the stack, for the next simulation too

    @staticmethod
    def _prioritize_interruption(h: Any) -> Any:
        """Also accepts `on` with any boolean function of the state."""
        return Prioritized(float(h.predicate.time) if isinstance(h.predicate, StaticEvent) else -math.inf, h)

    def _steps_until(self, time: torch.Tensor) -> int:
        return steps_until(float(time), self.dt)

    def _pyro_check_dynamics(self, msg: Any) -> None:
        msg["done"] = True  # trying the dynamics out would draw noise

    def _pyro_step_length(self, msg: Any) -> None:
        msg["value"], msg["done"] = self.dt, True

    def _pyro_resampled(self, msg: Any) -> None:
        self._triggers.resample(msg["args"][0])
        if self._parts is not None:
            self._parts.resampled(self._triggers, msg["args"][0])

    def _pyro_remembered(self, msg: Any) -> None:
        if self._parts is not None:
            memory = self._parts.memory
            msg["value"] = Remembered(memory.rules.told(rules_in_force()), memory.same_dynamics, self._parts.sums)
            msg["done"] = True

    def _pyro_goes_on(self, msg: Any) -> None:
        day, memory = msg["args"]
        if self._parts is not None:
            self._parts.reached(
                self._steps_until(torch.tensor(day)), Memory(Triggers.of(rules_in_force(), memory.rules))
            )
            self._parts.sums = self._parts.sums if memory.sums is None else memory.sums
            msg["done"] = True

    def _pyro_intervene(self, msg: Any) -> None:
        value, act = msg["args"][0], msg["args"][1]
        if self._lent is not None and act is not None:
            self._lent.refuse_changes("the callback of an interruption")
        msg["args"] = (value, fitting(act, value))

    def _owned(self, state: State) -> State:
        """The state in memory that only this handler keeps, with the entries and the agents that it must have.

        Then what is written into it in place changes no act, no log, no other day and nothing of the caller's.
        """
        same_entries("an interruption", state, self._entries)
        if self._looks and self._lent is not None:  # what an observation writes into its copy is not the state
            state = {name: self._lent.original(name, x) for name, x in state.items()}
        own = {k: x if x is self._own.get(k) else torch.atleast_1d(x).clone() for k, x in state.items()}
        for name, value in own.items():
            if value.shape[-1] not in (1, self._size):
                raise ValueError(
                    f"an interruption gave {name!r} the shape {tuple(value.shape)}, but there are {self._size} agents: "
                    "give one value an agent, or one for all."
                )
        self._own, self._lent = dict(own), None  # a callback may put its own tensors into the dictionary that it gets
        return own

    def _lend(self, state: State, looks: bool = False) -> State:
        """The state as a callback gets it: copies, in which it may write until it intervenes."""
        self._lent, self._looks = Lent(state), looks
        copies: State = self._lent.copies
        return copies

    def _advance(self, dynamics: Dynamics, state: State, start: torch.Tensor, end: torch.Tensor, **_: Any) -> State:
        state, self._own = self._owned(state), {}
        for number in range(self._steps_until(start), self._steps_until(end)):
            self._steps_now = True
            try:
                state = step(dynamics, state, number, torch.full((), number * self.dt), self.prefix)
            finally:
                self._steps_now = False
        self._own = dict(state)
        return state

    # `fn` and not `value` is set: the steps run once, whether LogTrajectory stands inside or outside of this handler.
    def _pyro_simulate_point(self, msg: Any) -> None:
        msg["fn"] = self._advance

    def _pyro_simulate_trajectory(self, msg: Any) -> None:
        msg["fn"] = self._trajectory

    def _trajectory(self, dynamics: Dynamics, state: State, times: torch.Tensor, **_: Any) -> State:
        asked = times.tolist()
        # Several logs ask one after the other for the same days, which run once: at the first one's call.
        if self._logged is None or self._logged[0] is not state or not set(asked) <= self._logged[1].keys():
            others = {t for log in handlers_in_force() if isinstance(log, LogTrajectory) for t in log.times.tolist()}
            between = [torch.tensor(t).to(times) for t in sorted({*asked, *others}) if asked[0] <= t <= asked[-1]]
            self._logged, now = (state, {asked[0]: copied(state)}), state
            for start, end in itertools.pairwise(between):
                now = self._advance(dynamics, now, start, end)
                self._logged[1][float(end)] = copied(now)  # what a later step writes in place is not logged
        states = [self._logged[1][t] for t in asked]
        return {name: torch.stack(torch.broadcast_tensors(*[at[name] for at in states]), -1) for name in state}

    def _pyro_simulate_to_interruption(self, msg: Any) -> None:
        waiting, dynamics, state, start, _ = msg["args"][:5]
        self._dynamics = dynamics  # an act may have changed them
        timed = [h for h in waiting if isinstance(h.predicate, StaticEvent)]
        rules = [h for h in waiting if not isinstance(h.predicate, StaticEvent)]
        following = min(timed, key=lambda h: float(h.predicate.time))
        end = following.predicate.time.to(start).reshape(())
        msg["done"] = True
        if not rules:
            state = dict(simulate_point(dynamics, state, start, end, **msg["kwargs"]))
            msg["value"] = (self._lend(self._owned(state), observes(following)), end, following)
            return
        time = start
        while True:
            for rule in rules if float(time) < self._end else ():  # at the end no step would follow
                firing = self._triggers.firing(rule, time, state)
                if bool(firing.any()):
                    msg["value"] = (state, time, self._triggers.interruption(rule, firing, self._lend))
                    return
            if not time < end:
                break
            later = torch.minimum(torch.tensor((self._steps_until(time) + 1) * self.dt).to(time), end)
            state, time = simulate_point(dynamics, state, time, later, **msg["kwargs"]), later
        msg["value"] = (self._lend(self._owned(state), observes(following)), end, following)


def _plain(time: float) -> float:
    return int(time) if time.is_integer() else time
